"""
What does an endpoint say to a webhook?

Nobody here knows who stands behind its address, so: https, unless the network is one of VIZSLA_EGRESS_ALLOW; nothing private,
judged at the address that is dialled; no redirect followed; no answer's body read, for what a private server says must not be
shown to whoever made us ask it.
"""

import re
from collections.abc import Mapping
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from typing import Self

from vizsla.kit.errors import VizslaError
from vizsla.kit.settings import Settings
from vizsla.net.guard import EgressRefused
from vizsla.net.http import FetchError, HttpClient, Response, user_agent
from vizsla.webhooks.endpoints import LONGEST_URL, SHORTEST_URL, InvalidWebhook
from vizsla.webhooks.outbox import Outcome
from vizsla.webhooks.signing import signed_headers

SECONDS = 15.0
"""For a whole try, from name look-up to the answer's head."""
_PER_HOST = 8
"""Connections to one host: many accounts may listen at one service."""
_TROUBLES = {
    "timeout": f"No answer within {SECONDS:g} seconds.",
    "tls": "Its certificate is not valid for its name.",
    "unreachable": "Its name leads nowhere, or no connection could be made.",
    "broken": "The connection broke, or what came was not HTTP.",
}


class Courier:
    """Takes webhooks to their endpoints, and other requests of ours to servers that members named. Use as an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._open = HttpClient(settings, per_host=_PER_HOST)
        self._private = HttpClient(settings, per_host=_PER_HOST, only_allowed=True)
        self._agent = user_agent(settings)
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._exits.enter_async_context(self._open)
        await self._exits.enter_async_context(self._private)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exits.aclose()

    async def check(self, url: str) -> str:
        """*url* if something may be sent there, as far as can be told today. Raises InvalidWebhook, saying why not."""
        url = url.strip()
        if not SHORTEST_URL <= len(url) <= LONGEST_URL:
            raise InvalidWebhook(f"The address must have {SHORTEST_URL} to {LONGEST_URL} characters.")
        try:
            await self._client(url).check(url)
        except (FetchError, EgressRefused) as error:
            raise InvalidWebhook(f"Nothing can be sent to this address. {trouble_of(error)}") from None
        return url

    async def deliver(self, url: str, secrets: tuple[str, ...], mark: str, body: bytes, now: int) -> Outcome:
        """Send *body*, signed with each of *secrets*, at *now* (seconds since 1970)."""
        if not secrets:
            return Outcome(None, "Its secret was sealed under another VIZSLA_SECRET_KEY. Make a new one.")
        headers = {"Content-Type": "application/json", **signed_headers(secrets, mark, now, body)}
        try:
            answer = await self.ask("POST", url, headers=headers, body=body)
        except (FetchError, EgressRefused) as error:
            return Outcome(None, trouble_of(error))
        took = int(answer.took * 1_000)
        if 200 <= answer.status < 300:
            return Outcome(answer.status, took=took)
        said = f"It answered {answer.status}."
        if answer.status // 100 == 3:
            said += " Redirects are not followed: give the address it leads to."
        return Outcome(answer.status, said, took, retry_after(answer, now))

    async def ask(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, limit: int = 0
    ) -> Response:
        """
        One request, with at most *limit* bytes of the answer's body.

        Raises FetchError, EgressRefused.
        """
        headers = {"User-Agent": self._agent, "Accept": "*/*", **headers}
        return await self._client(url).send(method, url, seconds=SECONDS, limit=limit, headers=headers, body=body)

    def _client(self, url: str) -> HttpClient:
        return self._open if re.match("https://", url, re.IGNORECASE) else self._private


def trouble_of(error: VizslaError) -> str:
    """Why there was no answer, in a sentence that no peer has written, and that names no address of a network behind us."""
    if not isinstance(error, FetchError):
        return "Only https addresses of the public internet are reached, and networks that the operator allows (VIZSLA_EGRESS_ALLOW)."
    if error.reason in ("url", "scheme", "userinfo", "port"):
        return f"{error.details[:1].upper()}{error.details[1:]}."
    return _TROUBLES.get(error.reason, "Nothing could be sent.")


def retry_after(answer: Response, now: int) -> int:
    """Seconds that an answer asks to be left alone for (RFC 9110 10.2.3); 0 if it does not say."""
    text = answer.header("retry-after").strip()
    if text.isascii() and text.isdigit():
        return int(text[:9])
    try:
        return max(0, int(parsedate_to_datetime(text).timestamp()) - now)
    except (ValueError, TypeError, OverflowError, OSError):
        return 0
