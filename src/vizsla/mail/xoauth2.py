"""
How does an account without a password get the token it logs in with?

OAuth 2's refresh (RFC 6749 6) at the provider's token endpoint, over TLS alone, through the client that reaches nothing private.
What a provider says is read for its error code; nothing else of its answer is passed on.
"""

import asyncio
import re
from urllib.parse import urlencode
from weakref import WeakValueDictionary

import msgspec

from vizsla.kit.clock import Clock
from vizsla.kit.errors import VizslaError
from vizsla.net.guard import EgressRefused
from vizsla.net.http import FetchError, HttpClient, Response

_SECONDS, _LIMIT = 20.0, 65_536
_EARLY = 120
"""Seconds before its end that a token is asked for anew: it shall last for the session it opens."""
_SHORTEST, _LONGEST = 60, 86_400
_MOST_KEPT = 10_000
_TOKEN = re.compile(r"[!-~]{1,8000}\Z")
_ERROR = re.compile(r"[a-z_]{1,40}\Z")


class TokenRefused(VizslaError):
    """The provider gave no access token."""

    id = "smtp_auth"

    def __init__(self, details: str, *, is_final: bool) -> None:
        self.is_final = is_final
        """Whether somebody has to sign in there again, or mend what is typed here."""
        super().__init__(details)


class Grant(msgspec.Struct, frozen=True):
    """What access tokens are asked for with."""

    token_url: str
    client_id: str
    client_secret: str
    refresh_token: str

    def __repr__(self) -> str:
        return f"Grant({self.client_id!r})"


class Token(msgspec.Struct, frozen=True):
    """An access token."""

    text: str
    until: int
    """Seconds since 1970."""

    def __repr__(self) -> str:
        return f"Token(until {self.until})"


class _Answer(msgspec.Struct):
    access_token: str = ""
    expires_in: float | str = 3_600
    error: str = ""


class Tokens:
    """Access tokens of many accounts, each asked for once and kept until shortly before its end."""

    def __init__(self, http: HttpClient, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._kept: dict[Grant, Token] = {}
        self._turns: WeakValueDictionary[Grant, asyncio.Lock] = WeakValueDictionary()

    async def get(self, grant: Grant) -> str:
        """A token that holds for two minutes at least. Raises TokenRefused."""
        async with self._turns.setdefault(grant, asyncio.Lock()):  # held as long as somebody waits for it
            kept = self._kept.get(grant)
            if kept is not None and kept.until - _EARLY > self._clock.now():
                return kept.text
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[grant] = fresh = await refresh(self._http, grant, self._clock.now())
            return fresh.text

    def forget(self, text: str) -> None:
        """A server refused this token: ask for another one next time."""
        for grant in [grant for grant, kept in self._kept.items() if kept.text == text]:
            del self._kept[grant]


async def refresh(http: HttpClient, grant: Grant, now: int) -> Token:
    """A new access token. Raises TokenRefused."""
    if not grant.token_url.startswith("https://"):
        raise TokenRefused("The address of the token endpoint begins with https://.", is_final=True)
    fields = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token, "client_id": grant.client_id}
    if grant.client_secret:
        fields["client_secret"] = grant.client_secret
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    body = urlencode(fields).encode()
    try:
        response = await http.send("POST", grant.token_url, seconds=_SECONDS, limit=_LIMIT, headers=headers, body=body)
    except EgressRefused:
        raise TokenRefused("The token endpoint is at a private or reserved address.", is_final=True) from None
    except FetchError as error:
        is_wrong = error.reason in ("url", "scheme", "userinfo", "port")
        raise TokenRefused(f"The token endpoint was not reached ({error.reason}).", is_final=is_wrong) from None
    return read_token(response, now)


def read_token(response: Response, now: int) -> Token:
    """The token in what the endpoint answered. Raises TokenRefused."""
    try:
        answer = msgspec.json.decode(response.body, type=_Answer)
        lasts = min(max(float(answer.expires_in), _SHORTEST), _LONGEST)
    except (ValueError, msgspec.MsgspecError):
        answer, lasts = _Answer(), 0.0
    if response.status == 200 and _TOKEN.match(answer.access_token) and lasts:
        return Token(answer.access_token, now + int(lasts))
    if answer.error == "invalid_grant":
        raise TokenRefused(
            "The provider does not take the refresh token any more (invalid_grant): sign in there again, and type the new one.",
            is_final=True,
        )
    why = answer.error if _ERROR.match(answer.error) else f"status {response.status}"
    raise TokenRefused(
        f"The token endpoint gave no token ({why}).", is_final=400 <= response.status < 500 and response.status != 429
    )
