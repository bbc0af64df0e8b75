"""
Will this password do, and is it the right one?

Kept as Argon2id with the parameters of argon2-cffi (RFC 9106, the second recommended set: 64 MiB, 3 passes); a hash made with
other parameters is made anew when its password is next seen. Two are worked out at a time: more would take the machine's memory
from everybody else.

A password is prepared as RFC 8265 4.2 (OpaqueString) says: other spaces become U+0020, then NFC, so that the same keys pressed
on a Mac and on Windows are the same password. Nothing is trimmed, cut off or folded. There are no rules about kinds of
characters: they make passwords worse (NIST SP 800-63B 3.1.1.2). What everybody uses is refused.
"""

import asyncio
import functools
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vizsla.kit.errors import VizslaError

T = TypeVar("T")
SHORTEST = 8
"""Characters."""
LONGEST = 1_000
"""Characters; hashing takes as long for many as for few, but somebody has to read them in."""
_TRIMMINGS = "0123456789!?.-_#*$@"
"""What people add to a word that was refused."""
_MOST_TRIMMINGS = 4

hasher = PasswordHasher()
_threads = ThreadPoolExecutor(2, "argon2")


class WeakPassword(VizslaError):
    """This password will not do. Choose another one."""

    id = "validation_failed"


def check_password(password: str, *, email: str = "") -> None:
    """
    Raises WeakPassword with a sentence about what to do, if *password* should not protect the account of *email*.

    Not asked of a password at sign-in: rules change, and whoever has an older one still gets in.
    """
    text = prepare(password)
    if len(text) < SHORTEST:
        raise WeakPassword(
            f"The password is too short. Use at least {SHORTEST} characters; a few words are easy to keep."
        )
    if len(text) > LONGEST:
        raise WeakPassword(f"The password is too long. Use at most {LONGEST:,} characters.")
    folded = text.casefold()
    if email and folded in _of_address(email.casefold()):
        raise WeakPassword("The password is your own address. Choose something that others do not know.")
    if is_common(folded):
        raise WeakPassword(
            "This password is one of the first that somebody would try. Choose another one, for instance a few words "
            "that do not belong together."
        )


def is_common(folded: str) -> bool:
    """Whether it is among the most used passwords, or one of them with a few digits or marks before or behind it."""
    common = _common()
    if folded in common:
        return True
    core = folded.strip(_TRIMMINGS)
    return len(core) > 3 and len(folded) - len(core) <= _MOST_TRIMMINGS and core in common


@functools.cache
def _common() -> frozenset[str]:
    # 30,000 from leaked lists, by frequency; read when somebody first chooses a password.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    return frozenset(FREQUENCY_LISTS["passwords"])


def _of_address(email: str) -> set[str]:
    local, _, domain = email.partition("@")
    return {email, local, domain, email.replace("@", ""), local + domain.partition(".")[0]}


def prepare(password: str) -> str:
    """*password* as it is hashed."""
    spaced = "".join(" " if unicodedata.category(mark) == "Zs" else mark for mark in password)
    return unicodedata.normalize("NFC", spaced)


async def hash_password(password: str) -> str:
    """What is stored of a password; about a tenth of a second, on a thread."""
    return await _on_a_thread(_hash, _bytes_of(password))


async def is_password(password: str, stored: str | None) -> bool:
    """
    Whether *stored* was made of *password*.

    Takes as long without one (None: no such person, or no password yet), so that time does not tell who has an account.
    """
    return await _on_a_thread(_verify, _bytes_of(password), stored)


def is_outdated(stored: str) -> bool:
    """Whether *stored* was made with other parameters than today's: hash the password anew while it is at hand."""
    return hasher.check_needs_rehash(stored)


def _bytes_of(password: str) -> bytes:
    return prepare(password[: LONGEST + 1]).encode("utf-8", "surrogatepass")


def _hash(password: bytes) -> str:
    return hasher.hash(password)


def _verify(password: bytes, stored: str | None) -> bool:
    stand_in = _stand_in(hasher)
    try:
        hasher.verify(stored or stand_in, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


@functools.lru_cache(1)
def _stand_in(made_by: PasswordHasher) -> str:
    return made_by.hash(secrets.token_bytes(32))


async def _on_a_thread(act: Callable[..., T], *args: bytes | str | None) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads, act, *args)
