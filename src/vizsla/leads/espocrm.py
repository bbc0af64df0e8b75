"""
How does a lead become a Lead, or a Contact, of EspoCRM?

By its REST API (docs.espocrm.com, REST API and CRUD operations): `api/v1/{entity}`, an API user's key in `X-Api-Key`. What has the
address already is written to, everything else is created. A duplicate (409 with a list of what is alike) is written to if it has
the address; if only its name is alike, it is another person and is created beside it. Fields that are empty here are not sent:
what somebody typed there stays.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from vizsla.leads.connectors import Entity
from vizsla.leads.pushing import Fields, Pushed
from vizsla.net.guard import EgressRefused
from vizsla.net.http import FetchError, Response
from vizsla.webhooks.sending import Courier, retry_after, trouble_of

MAPPINGS: Mapping[Entity, Mapping[str, str]] = {
    "Lead": {
        "email": "emailAddress",
        "first_name": "firstName",
        "last_name": "lastName",
        "position": "title",
        "company": "accountName",
        "phone_number": "phoneNumber",
        "website": "website",
        "notes": "description",
    },
    # A Contact's company is a link to an Account, and its title that link's: neither can be written as text.
    "Contact": {
        "email": "emailAddress",
        "first_name": "firstName",
        "last_name": "lastName",
        "phone_number": "phoneNumber",
        "notes": "description",
    },
}
"""What a field of ours is called there."""
_SHORT = frozenset({"firstName", "lastName", "title"})
_LONGEST_SHORT = 100
_LARGEST_ANSWER = 200_000
_FIELD = re.compile(r"field: ([A-Za-z0-9_]{1,50}), type: ([A-Za-z0-9_]{1,50})")
_ID = re.compile(r"[A-Za-z0-9_-]{1,50}\Z")


class EspoCrm:
    """One EspoCRM, at *url*, as the API user with *api_key* sees it, at *now* (seconds since 1970)."""

    def __init__(self, courier: Courier, url: str, entity: Entity, api_key: str, now: int) -> None:
        self._courier = courier
        self._path = f"{url}/api/v1/{entity}"
        self._entity = entity
        self._api_key = api_key
        self._now = now

    def fields(self, lead: Fields) -> Fields:
        """Its own words; it wants a last name, so that who has none here is called what stands before the @."""
        named = {theirs: text for ours, theirs in MAPPINGS[self._entity].items() if (text := lead[ours])}
        named.setdefault("lastName", lead["email"].partition("@")[0])
        return {name: text[:_LONGEST_SHORT] if name in _SHORT else text for name, text in named.items()}

    async def push(self, fields: Fields, external_id: str | None, mark: str) -> Pushed:
        """Write to the record with *external_id*, or with the address, or make one."""
        try:
            if external_id is not None:
                answer = await self._ask("PUT", f"/{external_id}", fields)
                if answer.status != 404:
                    return self._judge(answer, external_id)
            found = await self._find(fields["emailAddress"])
            if isinstance(found, Pushed):
                return found
            if found is not None:
                return self._judge(await self._ask("PUT", f"/{found}", fields), found)
            return await self._create(fields)
        except (FetchError, EgressRefused) as error:
            return Pushed("later", error=trouble_of(error))

    async def test(self) -> Pushed:
        """Whether the key may read what it is to write."""
        try:
            answer = await self._ask("GET", f"?{urlencode({'maxSize': 1, 'select': 'id'})}")
        except (FetchError, EgressRefused) as error:
            return Pushed("later", error=trouble_of(error))
        if answer.status == 200 and not isinstance(_read(answer).get("list"), list):
            return Pushed("refused", error="What is at this address does not speak EspoCRM's API.")
        return self._judge(answer, None)

    async def _find(self, email: str) -> str | Pushed | None:
        where = {"where[0][type]": "equals", "where[0][attribute]": "emailAddress", "where[0][value]": email}
        answer = await self._ask("GET", f"?{urlencode({**where, 'maxSize': 1, 'select': 'id,emailAddress'})}")
        if answer.status != 200:
            return self._judge(answer, None)
        listed = _read(answer).get("list")
        if not isinstance(listed, list):
            return Pushed("refused", error="What is at this address does not speak EspoCRM's API.")
        return next((id_ for one in listed if (id_ := _id(one))), None)

    async def _create(self, fields: Fields) -> Pushed:
        answer = await self._ask("POST", "", fields)
        if answer.status == 409:
            alike = _decode(answer)
            for one in alike if isinstance(alike, list) else []:
                id_ = _id(one)
                if id_ and str(one.get("emailAddress") or "").lower() == fields["emailAddress"]:
                    return self._judge(await self._ask("PUT", f"/{id_}", fields), id_)
            answer = await self._ask("POST", "", fields, {"X-Skip-Duplicate-Check": "true"})
        return self._judge(answer, _id(_read(answer)))

    async def _ask(
        self, method: str, path: str, fields: Fields | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        said = {"X-Api-Key": self._api_key, "Accept": "application/json", **(headers or {})}
        body = None
        if fields is not None:
            said["Content-Type"] = "application/json"
            body = msgspec.json.encode(fields)
        return await self._courier.ask(method, self._path + path, headers=said, body=body, limit=_LARGEST_ANSWER)

    def _judge(self, answer: Response, external_id: str | None) -> Pushed:
        status = answer.status
        if 200 <= status < 300:
            return Pushed("success", external_id)
        if status == 401:
            return Pushed("refused", error="EspoCRM does not take the API key (401).")
        if status == 404 and external_id is None:
            return Pushed("refused", error=f"There is no {self._entity} of EspoCRM's API at this address (404).")
        if status == 403:
            return Pushed("error", error=f"The API user's role does not allow this {self._entity} (403).")
        if status in (408, 425, 429) or status >= 500:
            return Pushed("later", error=f"EspoCRM answered {status}.", retry_after=retry_after(answer, self._now))
        # https://docs.espocrm.com/development/api/: what is wrong stands in a header, of which only names of fields are taken on.
        if found := _FIELD.search(answer.header("x-status-reason")):
            return Pushed("error", error=f"EspoCRM does not take the field {found[1]}: {found[2]} ({status}).")
        return Pushed("error", error=f"EspoCRM does not take this {self._entity} ({status}).")


def _decode(answer: Response) -> Any:
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _read(answer: Response) -> dict[str, Any]:
    decoded = _decode(answer)
    return decoded if isinstance(decoded, dict) else {}


def _id(one: object) -> str | None:
    """The id of a record, if it can stand in a path."""
    id_ = one.get("id") if isinstance(one, dict) else None
    return id_ if isinstance(id_, str) and _ID.match(id_) else None
