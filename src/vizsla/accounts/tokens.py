"""
What is handed to a person once, and kept as a hash?

A token has 256 random bits, so a fast hash is enough: nobody guesses what it is of, and a copy of the database opens nothing.
"""

import hashlib
import secrets


def new_token() -> str:
    """A secret for a link or a cookie: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def hash_token(token: str) -> str:
    """The form in which a token is stored and looked up; any text has one."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
