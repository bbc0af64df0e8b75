"""
What is a capture of the invented web, and who are the people on it?

A site collects its captures; each says which addresses a reader may take from it, and which ones only a reader that undoes
protections gets. That is the truth the tests hold the extractors to.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import escape


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist."""

    first: str
    last: str
    position: str
    email: str
    phone: str = ""
    twitter: str = ""
    linkedin: str = ""

    @property
    def name(self) -> str:
        return f"{self.first} {self.last}"

    @property
    def local(self) -> str:
        return self.email.partition("@")[0]

    @property
    def slug(self) -> str:
        return self.linkedin or self.local.replace(".", "-")


@dataclass(frozen=True)
class Capture:
    """One request and what was answered."""

    uri: str
    at: datetime
    body: bytes
    status: str = "200 OK"
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/html; charset=utf-8"
    coding: str = "identity"
    """identity, gzip (Content-Encoding) or chunked (Transfer-Encoding)."""
    revisit_of: datetime | None = None
    """When the same bytes had been answered before; only the headers are kept then."""
    holds: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()


@dataclass
class Site:
    """A host's captures, in the order they were made, one every eleven minutes."""

    host: str
    headers: tuple[tuple[str, str], ...]
    begins: str
    captures: list[Capture] = field(default_factory=list)

    def page(
        self,
        path: str,
        html: str,
        *,
        holds: tuple[str, ...] | list[str] = (),
        guarded: tuple[str, ...] | list[str] = (),
        at: str | None = None,
        charset: str = "utf-8",
        **extra: str,
    ) -> None:
        """An HTML page; *extra* goes to the capture as it is."""
        self.captures.append(
            Capture(
                f"https://{self.host}{path}",
                self._time(at),
                html.encode(charset),
                headers=self.headers,
                content_type=f"text/html; charset={charset}",
                holds=tuple(holds),
                guarded=tuple(guarded),
                **extra,  # type: ignore[arg-type]
            )
        )

    def answer(
        self,
        path: str,
        status: str,
        body: bytes = b"",
        content_type: str = "text/html",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """A redirect, an error, a file that is no page."""
        self.captures.append(
            Capture(
                f"https://{self.host}{path}", self._time(None), body, status, (*self.headers, *headers), content_type
            )
        )

    def revisit(self, path: str, at: str) -> None:
        """The page at *path* was asked for again and had not changed."""
        first = next(capture for capture in self.captures if capture.uri == f"https://{self.host}{path}")
        self.captures.append(
            Capture(
                first.uri,
                self._time(at),
                first.body,
                headers=first.headers,
                content_type=first.content_type,
                revisit_of=first.at,
            )
        )

    def _time(self, at: str | None) -> datetime:
        return datetime.fromisoformat(at or self.begins) + timedelta(minutes=11 * len(self.captures))


def ld(*nodes: dict[str, object]) -> str:
    """JSON-LD scripts."""
    scripts = (json.dumps({"@context": "https://schema.org", **node}, ensure_ascii=False) for node in nodes)
    return "\n".join(f'<script type="application/ld+json">{script}</script>' for script in scripts)


def as_entities(text: str) -> str:
    """Every character as a decimal reference."""
    return "".join(f"&#{ord(character)};" for character in text)


def cloudflare(text: str, key: int = 0x5A) -> str:
    """As Cloudflare's e-mail obfuscation writes it."""
    return bytes([key, *(byte ^ key for byte in text.encode())]).hex()


def typo3(text: str, offset: int = 2) -> str:
    """As TYPO3's spam protection writes it, quoted for a link."""
    ranges = ((0x2B, 0x3A), (0x40, 0x5A), (0x61, 0x7A))

    def turn(character: str) -> str:
        code = ord(character)
        for low, high in ranges:
            if low <= code <= high:
                return chr(low + (code - low + offset) % (high - low + 1))
        return character

    return "".join(map(turn, "mailto:" + text)).replace("'", "%27")


def h(text: str) -> str:
    """*text* as HTML."""
    return escape(text, quote=True)
