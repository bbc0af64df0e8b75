"""How are leads sent to a system that has no connector of its own? As signed webhooks, one for each lead that changed."""

from collections.abc import Mapping

import msgspec

from vizsla.kit.clock import iso_text
from vizsla.leads.pushing import Fields, Pushed
from vizsla.webhooks.outbox import Outcome
from vizsla.webhooks.sending import Courier

TYPE = "lead.synced"
_LEFT_OUT = frozenset({"sync_status", "last_activity_at", "last_contacted_at", "leads_list", "created_at"})
"""What changes without anybody having changed the lead."""


class SignedWebhook:
    """Something that listens at *url*; *secret* signs, at *now* (seconds since 1970)."""

    def __init__(self, courier: Courier, url: str, secret: str, now: int) -> None:
        self._courier = courier
        self._url = url
        self._secret = secret
        self._now = now

    def fields(self, lead: Fields) -> Fields:
        """All that is said of a lead."""
        return {name: value for name, value in lead.items() if name not in _LEFT_OUT}

    async def push(self, fields: Fields, external_id: str | None, mark: str) -> Pushed:
        """Post it."""
        return _judge(await self._post(TYPE, fields, mark))

    async def test(self) -> Pushed:
        """Post an event that says nothing."""
        return _judge(await self._post("webhook.test", {}, f"msg_test{self._now}"))

    async def _post(self, type_: str, data: Mapping[str, object], mark: str) -> Outcome:
        body = msgspec.json.encode({"type": type_, "timestamp": iso_text(self._now), "data": data})
        return await self._courier.deliver(self._url, (self._secret,), mark, body, self._now)


def _judge(outcome: Outcome) -> Pushed:
    status = outcome.status
    if outcome.trouble is None:
        return Pushed("success")
    if status in (401, 403, 404, 410):
        return Pushed("refused", error=outcome.trouble)
    if status is None or status in (408, 425, 429) or status >= 500 or status < 400:
        return Pushed("later", error=outcome.trouble, retry_after=outcome.retry_after)
    return Pushed("error", error=outcome.trouble)
