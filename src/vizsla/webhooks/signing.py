"""
How does a receiver know that a webhook is ours?

By the symmetric scheme of Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, one signature for each secret that is
in force, so that a secret can be changed without missing anything.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
_SIZE = 32
"""Bytes of a secret; the text asks for 24 to 64."""


def new_secret() -> str:
    """`whsec_` and 32 random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_SIZE)).decode()


def sign(secret: str, mark: str, at: int, body: bytes) -> str:
    """The signature of *body*, tried at *at* (seconds since 1970) under the webhook-id *mark*: `v1,` and base64."""
    signed = b".".join((mark.encode(), b"%d" % at, body))
    return "v1," + base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()


def signed_headers(secrets_: Sequence[str], mark: str, at: int, body: bytes) -> dict[str, str]:
    """The three headers, signed with each of the secrets."""
    return {
        "webhook-id": mark,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(sign(secret, mark, at, body) for secret in secrets_),
    }


def is_secret(text: str) -> bool:
    """Whether *text* is a secret that can sign: `whsec_` and 24 to 64 bytes in base64."""
    try:
        return text.startswith(PREFIX) and 24 <= len(_key(text)) <= 64
    except (binascii.Error, ValueError):
        return False


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
