"""How is a secret kept so that a copy of the database gives it to nobody? AES-256-GCM under a key that is elsewhere."""

import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12
"""Bytes, random: NIST SP 800-38D 8.2.2 allows 2**32 of them under one key."""


def seal(secret: str, body: bytes) -> bytes:
    """*body* so that it can be read with *secret*, a text nobody can guess, alone."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + _cipher(secret).encrypt(nonce, body, None)


def unseal(secret: str, sealed: bytes) -> bytes | None:
    """What was sealed with *secret*; None if it was another one, or a byte has changed."""
    try:
        return _cipher(secret).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    except (InvalidTag, ValueError):
        return None


def _cipher(secret: str) -> AESGCM:
    return AESGCM(hashlib.sha256(b"vizsla seal" + secret.encode()).digest())
