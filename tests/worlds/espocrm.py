"""
An EspoCRM on loopback, as its public documentation describes the REST API (CRUD operations, search parameters, error codes).

Records by entity; 401 without the key, 403 for an entity that the role does not allow, 404 for what is not there, 409 with the list
of what is alike, 400 with X-Status-Reason for a field that does not hold, and whatever `next` says: 429, 503 (maintenance), slow.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from worlds.receiver import Got, Receiver, Says, receiver

KEY = "an api user's key"


@dataclass
class EspoWorld:
    """What is in it, and what it says next."""

    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"Lead": {}, "Contact": {}})
    forbidden: set[str] = field(default_factory=set)
    next: list[Says] = field(default_factory=list)
    """Said instead of what it would have said."""
    writes: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    ear: Receiver | None = None

    @property
    def url(self) -> str:
        assert self.ear
        return f"http://127.0.0.1:{self.ear.port}"

    def add(self, entity: str, **fields: Any) -> str:
        id_ = f"{len(self.records[entity]) + 1:017x}"
        self.records[entity][id_] = {"id": id_, **fields}
        return id_

    async def answer(self, got: Got) -> Says:
        if self.next:
            return self.next.pop(0)
        place = urlsplit(got.target)
        parts = place.path.strip("/").split("/")
        if parts[:2] != ["api", "v1"] or len(parts) not in (3, 4):
            return Says(404, body=b"<h1>404 Page Not Found</h1>")
        if got.headers.get("x-api-key") != KEY:
            return Says(401)
        entity = parts[2]
        if entity not in self.records:
            return Says(404)
        if entity in self.forbidden:
            return Says(403, {"X-Status-Reason": f"No 'create' access to '{entity}'."})
        if len(parts) == 3:
            return self._list(entity, place.query) if got.method == "GET" else self._create(entity, got)
        known = self.records[entity].get(parts[3])
        if known is None:
            return Says(404)
        return self._write(entity, known, got)

    def _list(self, entity: str, query: str) -> Says:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        found = list(self.records[entity].values())
        if (attribute := asked.get("where[0][attribute]")) is not None:
            assert asked["where[0][type]"] == "equals"
            found = [one for one in found if one.get(attribute) == asked["where[0][value]"]]
        chosen = asked.get("select", "").split(",")
        shown = [{name: one.get(name) for name in chosen} for one in found[: int(asked.get("maxSize", 20))]]
        return _json(200, {"list": shown, "total": len(found)})

    def _create(self, entity: str, got: Got) -> Says:
        fields = json.loads(got.body)
        if fault := _fault(entity, fields):
            return fault
        name = (fields.get("firstName"), fields.get("lastName"))
        alike = [
            one
            for one in self.records[entity].values()
            if one.get("emailAddress") == fields.get("emailAddress")
            or (one.get("firstName"), one.get("lastName")) == name
        ]
        if alike and got.headers.get("x-skip-duplicate-check") != "true":
            return _json(409, alike, {"X-Status-Reason": "duplicate"})
        id_ = self.add(entity, **fields)
        self.writes.append(("POST", id_, fields))
        return _json(200, self.records[entity][id_])

    def _write(self, entity: str, known: dict[str, Any], got: Got) -> Says:
        assert got.method == "PUT"
        fields = json.loads(got.body)
        if fault := _fault(entity, {**known, **fields}):
            return fault
        known.update(fields)
        self.writes.append(("PUT", known["id"], fields))
        return _json(200, known)


def _fault(entity: str, fields: dict[str, Any]) -> Says | None:
    for name, kind, is_wrong in (
        ("lastName", "required", not fields.get("lastName")),
        ("firstName", "maxLength", len(fields.get("firstName") or "") > 100),
        ("phoneNumber", "valid", (fields.get("phoneNumber") or "+1")[0] != "+"),
    ):
        if is_wrong:
            reason = f"Field validation failure; entityType: {entity}, field: {name}, type: {kind}."
            return Says(400, {"X-Status-Reason": reason}, b"")
    return None


def _json(status: int, value: object, headers: dict[str, str] | None = None) -> Says:
    return Says(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode())


@asynccontextmanager
async def espocrm() -> AsyncIterator[EspoWorld]:
    world = EspoWorld()
    async with receiver(world.answer) as ear:
        world.ear = ear
        yield world
