"""
How does a message prove that the domain it is from let it be sent?

DKIM (RFC 6376), relaxed/relaxed, with RSA (RFC 8301) or Ed25519 (RFC 8463). Every header field that readers or programs act on is
signed once more than it is there ("oversigned", RFC 6376 8.15): a second Subject or List-Unsubscribe put in on the way breaks it.
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from vizsla.kit.domain_name import to_ascii
from vizsla.kit.errors import VizslaError
from vizsla.mail.mime import with_crlf

_SIGNED = (
    b"from", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
    b"list-unsubscribe", b"list-unsubscribe-post", b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_SPACES = re.compile(rb"[ \t]+")
_SPACES_IN_BODY = re.compile(rb"[ \t]{2,}|\t")
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*\Z")
_RSA_LEAST, _RSA_MOST = 1_024, 4_096
_LINE = 72

Key = RSAPrivateKey | Ed25519PrivateKey


class WrongKey(VizslaError):
    """This is no private key for DKIM."""

    id = "wrong_params"


class Signer:
    """Signs for one domain with one key, of which *selector* names the public half in DNS."""

    def __init__(self, domain: str, selector: str, private_key_pem: str | bytes) -> None:
        """Raises WrongKey, for a wrong name too."""
        self._key = load_key(private_key_pem)
        name = to_ascii(domain.lower())
        if name is None or not _SELECTOR.match(selector) or len(selector) > 63:
            raise WrongKey("A selector is made of a-z, 0-9 and hyphens, such as vizsla1, and stands before a domain.")
        algorithm = "rsa-sha256" if isinstance(self._key, RSAPrivateKey) else "ed25519-sha256"
        self._head = f"v=1; a={algorithm}; c=relaxed/relaxed; d={name};\r\n s={selector};".encode()

    def sign(self, message: bytes) -> bytes:
        """*message* with its signature in front. Lone CR and LF become CRLF: they would on the way, and break it."""
        message = with_crlf(message)
        head, _, body = message.partition(b"\r\n\r\n")
        body_hash = base64.b64encode(hashlib.sha256(canonical_body(body)).digest())
        names, signed = _choose(head)
        field = b"%s h=%s;\r\n bh=%s;\r\n b=" % (self._head, _folded(names), body_hash)
        signed += b"dkim-signature:" + _relaxed(field)
        signature = base64.b64encode(self._sign(signed))
        lines = b"\r\n ".join(signature[at : at + _LINE] for at in range(0, len(signature), _LINE))
        return b"DKIM-Signature: %s%s\r\n%s" % (field, lines, message)

    def _sign(self, octets: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(octets, PKCS1v15(), hashes.SHA256())
        # RFC 8463 3: the key signs the hash.
        return self._key.sign(hashlib.sha256(octets).digest())


def load_key(pem: str | bytes) -> Key:
    """The private key in *pem*; raises WrongKey. RFC 8301 3.2: RSA of at least 1024 bits, and nobody need verify more than 4096."""
    try:
        key = load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise WrongKey(
            "This is no private key. Give it as PEM, beginning with -----BEGIN PRIVATE KEY-----, without a password."
        ) from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey):
        raise WrongKey("DKIM knows keys of RSA and of Ed25519 alone.")
    if not _RSA_LEAST <= key.key_size <= _RSA_MOST:
        raise WrongKey(f"An RSA key for DKIM has 1024 to 4096 bits, best 2048; this one has {key.key_size}.")
    return key


def generate_key(kind: Literal["rsa", "ed25519"] = "rsa") -> str:
    """A new private key as PEM; RSA has 2048 bits, which takes about a tenth of a second."""
    key: Key = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65_537, 2_048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def dns_record(private_key_pem: str | bytes) -> str:
    """What `selector._domainkey.domain` must hold as TXT. Raises WrongKey."""
    key = load_key(private_key_pem)
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    # RFC 8463 4: the 32 octets alone.
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(public).decode()}"


def canonical_body(body: bytes) -> bytes:
    """The relaxed form of *body* (RFC 6376 3.4.4), whose lines end with CRLF."""
    if b"  " in body or b"\t" in body:
        body = _SPACES_IN_BODY.sub(b" ", body)
    body = body.replace(b" \r\n", b"\r\n").rstrip(b" \r\n")
    return body + b"\r\n" if body else b""


def _choose(head: bytes) -> tuple[list[bytes], bytes]:
    """The names for h=, and the canonical fields they stand for: several of one name from the last to the first (5.4.2)."""
    found: dict[bytes, list[bytes]] = {}
    for line in _FOLD.sub(b"", head).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            found.setdefault(name.strip().lower(), []).append(value)
    names: list[bytes] = []
    signed = []
    for name in _SIGNED:
        for value in reversed(found.get(name, ())):
            names.append(name)
            signed.append(b"%s:%s\r\n" % (name, _relaxed(value)))
        names.append(name)
    return names, b"".join(signed)


def _relaxed(value: bytes) -> bytes:
    """The relaxed form of a field's value (RFC 6376 3.4.2)."""
    return _SPACES.sub(b" ", _FOLD.sub(b"", value)).strip(b" ")


def _folded(names: Iterable[bytes]) -> bytes:
    lines, line = [], b""
    for name in names:
        if len(line) + len(name) > _LINE:
            lines.append(line)
            line = b""
        line += b":" + name if line or lines else name
    return b"\r\n ".join([*lines, line])
