"""Whatever is done to leads, in whatever order: pages, filters and counts say what a dictionary says."""

import itertools
from typing import Any
from urllib.parse import quote

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.conftest import NOW
from api.conftest import Api
from api.conftest import api as api
from api.conftest import claims as claims
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import create_user
from vizsla.desk.lead_bulk import act_on, undo
from vizsla.leads.tasks import claim_task, step

_accounts = itertools.count()
EMAILS = ["ann@acme.com", "Bob@acme.com", "cy@globex.com", "ANN@globex.com", "di@acme.com"]
TEXTS = [None, "", "Acme", "ACME Ünion", '100% "=1+1"', " Globex ", "ß"]
FIELDS = ("first_name", "company", "notes")
fields = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(TEXTS), max_size=3)
emails = st.sampled_from(EMAILS)
picks = st.integers(0, 4)
steps = st.one_of(
    st.tuples(st.just("create"), emails, fields, st.none() | picks),
    st.tuples(st.just("upsert"), emails, fields, st.none() | picks),
    st.tuples(st.just("update"), picks, fields, st.none() | emails),
    st.tuples(st.just("delete"), picks),
    st.tuples(st.just("say"), picks, picks, st.sampled_from(TEXTS)),
    st.tuples(st.just("tag"), picks, picks),
    st.tuples(st.just("untag"), picks, picks),
    st.tuples(st.just("add_list"), picks),
    st.tuples(st.just("delete_list"), picks),
    st.tuples(st.just("move"), picks, picks),
    st.tuples(st.just("add_attribute"), picks),
    st.tuples(st.just("delete_attribute"), picks),
    st.tuples(st.just("delete_tag"), picks),
    st.tuples(st.just("delete_many"), picks, picks),
    st.tuples(st.just("trash"), picks, picks),
    st.tuples(st.just("undo")),
    st.tuples(st.just("work")),
)


class Model:
    """What one account should have, and the calls that bring it there."""

    def __init__(self, api: Api, key: str, account_id: int) -> None:
        self.api, self.key, self.account_id = api, key, account_id
        self.leads: dict[int, dict[str, Any]] = {}
        self.lists: dict[int, str] = {}
        self.attributes: dict[int, str] = {}
        self.tags: dict[int, str] = {}
        self.trashed: list[tuple[int, dict[int, dict[str, Any]]]] = []

    async def ask(self, method: str, path: str, sent: Any = None) -> Any:
        reply = await self.api(method, f"/v2{path}", key=self.key, json=sent)
        assert reply.status < 500, self.api.log.getvalue()[-4_000:]
        return reply

    def _pick(self, some: dict[int, Any], at: int) -> int | None:
        return sorted(some)[at % len(some)] if some else None

    def _named(self, email: str) -> int | None:
        return next((id_ for id_, lead in self.leads.items() if lead["email"] == email.lower()), None)

    def _write(self, id_: int, values: dict[str, str | None]) -> None:
        self.leads[id_] |= {name: (text or "").strip() or None for name, text in values.items()}

    def _add(self, reply: Any, email: str, values: dict[str, str | None], list_id: int | None) -> None:
        assert reply.status == 201, reply.content
        data = reply.body["data"]
        list_id = list_id or max(self.lists, default=None)
        if list_id is None:
            list_id = data["leads_list"]["id"]
            self.lists[list_id] = "My leads"
        self.leads[data["id"]] = {
            "email": email.lower(),
            **dict.fromkeys(FIELDS),
            "list": list_id,
            "tags": [],
            "said": {},
        }
        self._write(data["id"], values)

    async def create(self, email: str, values: dict[str, str | None], at: int | None) -> None:
        list_id = self._pick(self.lists, at) if at is not None else None
        sent = {"email": email, **values} | ({"leads_list_id": list_id} if list_id else {})
        reply = await self.ask("POST", "/leads", sent)
        if self._named(email) is not None:
            assert reply.status == 422
        else:
            self._add(reply, email, values, list_id)

    async def upsert(self, email: str, values: dict[str, str | None], at: int | None) -> None:
        list_id = self._pick(self.lists, at) if at is not None else None
        reply = await self.ask(
            "PUT", "/leads", {"email": email, **values} | ({"leads_list_id": list_id} if list_id else {})
        )
        id_ = self._named(email)
        if id_ is None:
            self._add(reply, email, values, list_id)
            return
        assert (reply.status, reply.body["data"]["id"]) == (200, id_)
        self._write(id_, values)
        if list_id:
            self.leads[id_]["list"] = list_id

    async def update(self, at: int, values: dict[str, str | None], email: str | None) -> None:
        if (id_ := self._pick(self.leads, at)) is None:
            return
        reply = await self.ask("PUT", f"/leads/{id_}", values | ({"email": email} if email else {}))
        if email and self._named(email) not in (None, id_):
            assert reply.status == 422
            return
        assert reply.status == 204
        self._write(id_, values)
        if email:
            self.leads[id_]["email"] = email.lower()

    async def delete(self, at: int) -> None:
        if (id_ := self._pick(self.leads, at)) is not None:
            assert (await self.ask("DELETE", f"/leads/{id_}")).status == 204
            assert (await self.ask("DELETE", f"/leads/{id_}")).status == 404
            del self.leads[id_]

    async def say(self, at: int, which: int, text: str | None) -> None:
        id_, attribute = self._pick(self.leads, at), self._pick(self.attributes, which)
        if id_ is not None and attribute is not None:
            sent = {"custom_attributes": {self.attributes[attribute]: text}}
            assert (await self.ask("PUT", f"/leads/{id_}", sent)).status == 204
            self.leads[id_]["said"][attribute] = (text or "").strip() or None

    async def tag(self, at: int, number: int) -> None:
        if (id_ := self._pick(self.leads, at)) is not None:
            reply = await self.ask("POST", f"/leads/{id_}/tags", {"tag_name": f"Tag {number}"})
            tag_id = next(tag["id"] for tag in reply.body["data"]["tags"] if tag["name"] == f"Tag {number}")
            self.tags[tag_id] = f"Tag {number}"
            if tag_id not in self.leads[id_]["tags"]:
                self.leads[id_]["tags"].append(tag_id)

    async def untag(self, at: int, which: int) -> None:
        id_, tag_id = self._pick(self.leads, at), self._pick(self.tags, which)
        if id_ is not None and tag_id is not None:
            has = tag_id in self.leads[id_]["tags"]
            assert (await self.ask("DELETE", f"/leads/{id_}/tags/{tag_id}")).status == (204 if has else 404)
            if has:
                self.leads[id_]["tags"].remove(tag_id)

    async def add_list(self, number: int) -> None:
        made = (await self.ask("POST", "/leads_lists", {"name": f"List {number}"})).body["data"]
        self.lists[made["id"]] = made["name"]

    async def delete_list(self, at: int) -> None:
        if (id_ := self._pick(self.lists, at)) is not None:
            assert (await self.ask("DELETE", f"/leads_lists/{id_}")).status == 204
            del self.lists[id_]
            for lead in self.leads.values():
                lead["list"] = None if lead["list"] == id_ else lead["list"]

    async def move(self, source: int, target: int) -> None:
        one, other = self._pick(self.lists, source), self._pick(self.lists, target)
        moved = [lead for lead in self.leads.values() if lead["list"] == one]
        if one is not None and one != other:
            sent = {"leads_list_id": one, "target_leads_list_id": other}
            assert (await self.ask("POST", "/leads/bulk/move", sent)).status == (200 if moved else 422)
            for lead in moved:
                lead["list"] = other

    async def add_attribute(self, number: int) -> None:
        reply = await self.ask("POST", "/leads_custom_attributes", {"label": f"Field {number}"})
        if f"field_{number}" in self.attributes.values():
            assert reply.status == 422
        else:
            self.attributes[reply.body["data"]["id"]] = reply.body["data"]["slug"]

    async def delete_attribute(self, at: int) -> None:
        if (id_ := self._pick(self.attributes, at)) is not None:
            assert (await self.ask("DELETE", f"/leads_custom_attributes/{id_}")).status == 204
            del self.attributes[id_]
            for lead in self.leads.values():
                lead["said"].pop(id_, None)

    async def delete_tag(self, at: int) -> None:
        if (id_ := self._pick(self.tags, at)) is not None:
            assert (await self.ask("DELETE", f"/tags/{id_}")).status == 204
            del self.tags[id_]
            for lead in self.leads.values():
                lead["tags"] = [tag for tag in lead["tags"] if tag != id_]

    async def delete_many(self, one: int, other: int) -> None:
        ids = {self._pick(self.leads, one), self._pick(self.leads, other)} - {None}
        if ids:
            reply = await self.ask("POST", "/leads/bulk/delete", {"lead_ids": [*ids, 10**9]})
            assert reply.body["data"]["deleted_count"] == len(ids)
            for id_ in ids:
                del self.leads[id_]

    async def trash(self, one: int, other: int) -> None:
        """As the dashboard deletes."""
        ids = {id_ for at in (one, other) if (id_ := self._pick(self.leads, at)) is not None}
        if ids:
            services = self.api.app.services
            async with services.stores.app.write() as conn:
                done = await act_on(conn, services, self.account_id, "trash", sorted(ids), now=NOW)
            self.trashed.append((done.id, {id_: self.leads.pop(id_) for id_ in ids}))

    async def undo(self) -> None:
        if self.trashed:
            deletion_id, gone = self.trashed.pop()
            services = self.api.app.services
            async with services.stores.app.write() as conn:
                await undo(conn, services, self.account_id, deletion_id, NOW)
            for id_, lead in gone.items():
                if self._named(lead["email"]) is None:
                    lead["list"] = lead["list"] if lead["list"] in self.lists else None
                    lead["tags"] = [tag for tag in lead["tags"] if tag in self.tags]
                    lead["said"] = {known: text for known, text in lead["said"].items() if known in self.attributes}
                    self.leads[id_] = lead

    async def work(self) -> None:
        """Do what is due, as the loop does; nobody should see it."""
        app = self.api.app.services.stores.app
        while True:
            async with app.write() as conn:
                held = await claim_task(conn, now=NOW, until=NOW + 60, worker="w")
                if held is None:
                    return
                stepped = await step(conn, held, held.last_id, until=NOW + 60, now=NOW)
            assert stepped is not None
            assert stepped.is_over

    async def check(self) -> None:
        page = (await self.ask("GET", "/leads?limit=1000")).body
        assert page["meta"]["count"] == page["meta"]["total"] == len(self.leads)
        newest = sorted(self.leads, reverse=True)
        assert [lead["id"] for lead in page["data"]["leads"]] == newest
        members = {id_: [at for at in newest if self.leads[at]["list"] == id_] for id_ in self.lists}
        for lead in page["data"]["leads"]:
            mine = self.leads[lead["id"]]
            assert {name: lead[name] for name in ("email", *FIELDS)} == {
                name: mine[name] for name in ("email", *FIELDS)
            }
            said = {slug: mine["said"].get(id_) for id_, slug in self.attributes.items()}
            assert {name: text for name, text in lead.items() if name.startswith("field_")} == said
            within = mine["list"]
            shown = {"id": within, "name": self.lists.get(within), "leads_count": len(members.get(within, [])) or None}
            assert lead["leads_list"] == shown
        lists = (await self.ask("GET", "/leads_lists?limit=100")).body["data"]["leads_lists"]
        assert {each["id"]: each["leads_count"] for each in lists} == {id_: len(ids) for id_, ids in members.items()}
        for id_, ids in members.items():
            listed = (await self.ask("GET", f"/leads_lists/{id_}")).body["data"]["leads"]
            assert [lead["id"] for lead in listed] == ids
            await self._expect(f"leads_list_id={id_}", ids)
        for tag_id in self.tags:
            await self._expect(f"tag_id={tag_id}", [at for at in newest if tag_id in self.leads[at]["tags"]])
        for id_, slug in self.attributes.items():
            there = [at for at in newest if self.leads[at]["said"].get(id_)]
            await self._expect(f"custom_attributes[{slug}]=*", there)
            await self._expect(f"custom_attributes[{slug}]=~", [at for at in newest if at not in there])
            await self._expect(
                f"custom_attributes[{slug}]=aCM", self._with(lambda lead, id_=id_: lead["said"].get(id_), "acm")
            )
        for name in ("company", "first_name"):
            for part in ("acme", "Ü", "% ", "=1+1", "~"):
                wanted = self._with(lambda lead, name=name: lead[name], part.lower())
                if part == "~":
                    wanted = [at for at in newest if self.leads[at][name] is None]
                await self._expect(f"{name}={quote(part)}", wanted)
        queried = [
            at for at in newest if any("ac" in (self.leads[at][name] or "").lower() for name in ("email", "first_name"))
        ]
        await self._expect("query=AC", queried)
        await self._expect("query=AC&offset=1", queried, offset=1)

    def _with(self, get: Any, part: str) -> list[int]:
        return [at for at in sorted(self.leads, reverse=True) if part in (get(self.leads[at]) or "").lower()]

    async def _expect(self, query: str, ids: list[int], *, offset: int = 0) -> None:
        found = (await self.ask("GET", f"/leads?{query}")).body
        assert [lead["id"] for lead in found["data"]["leads"]] == ids[offset:], query
        assert (found["meta"]["count"], found["meta"]["total"]) == (len(ids), len(self.leads)), query


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(done=st.lists(steps, min_size=4, max_size=24))
async def test_pages_filters_and_counts_agree(api: Api, done: list[tuple[Any, ...]]) -> None:
    async with api.app.services.stores.app.write() as conn:
        member = await create_user(conn, f"model{next(_accounts)}@model.example", now=NOW)
        key = (await create_key(conn, member.account_id, "model", now=NOW)).plaintext
    model = Model(api, key, member.account_id)
    for number, (name, *arguments) in enumerate(done):
        await getattr(model, name)(*msgspec.convert(arguments, list[Any]))
        if number % 6 == 5:
            await model.check()
    await model.check()
