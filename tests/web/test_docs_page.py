"""`/docs`: what stands there is true. Examples are run as they are shown, and errors that are listed do come."""

import asyncio
import json
import os
import re
import secrets
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import msgspec
import pytest

from accounts.conftest import NOW
from api.conftest import Api, Reply, api, claims, listening  # noqa: F401
from vizsla.accounts.keys import create_key, list_keys
from vizsla.accounts.rate import parse_limits
from vizsla.accounts.store import create_user, find_member
from vizsla.api.openapi import describe
from vizsla.api.v2 import all_calls
from vizsla.campaigns.senders import Draft as SenderDraft
from vizsla.campaigns.senders import Secrets as SenderSecrets
from vizsla.campaigns.senders import create_sender
from vizsla.kit.settings import Settings
from vizsla.mail.server import Server
from vizsla.privacy.claims import Claims
from vizsla.storage.statement import statement
from vizsla.web.app import create_web
from vizsla.web.house import House
from vizsla.web.reference import Operation, list_operations
from web.conftest import SECRET, Browser, Site

EXAMPLES = {"Example in curl": "curl", "Example in Python": "python"}
NOWHERE = 999_999
PYTHON = """
import contextlib, io, json, os, sys, urllib.error
printed = []
for code, known in json.load(sys.stdin):
    os.environ.update(known)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(code, {"__name__": "__main__"})
        except urllib.error.HTTPError as error:
            print(error.status, error.read().decode())
    printed.append(out.getvalue())
json.dump(printed, sys.stdout)
"""
VARIABLE = re.compile(r"\$([A-Z_]+)")


class Reader(HTMLParser):
    """What a reader finds: the examples of each section, links, ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.examples: dict[str, dict[str, str]] = {}
        self.links: list[str] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.fields: list[str] = []
        self._section = ""
        self._into: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if tag == "section":
            self._section = given.get("id") or ""
        if tag == "a":
            self.links.append(given.get("href") or "")
        if tag == "label":
            self.labels.append(given.get("for") or "")
        if tag in ("input", "select", "textarea") and given.get("type") != "hidden":
            self.fields.append(given.get("id") or "")
        if tag == "pre":
            self._into = EXAMPLES.get(given.get("aria-label") or "")
            if self._into:
                self.examples.setdefault(self._section, {})[self._into] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "pre":
            self._into = None

    def handle_data(self, data: str) -> None:
        if self._into:
            self.examples[self._section][self._into] += data


@dataclass
class Reference:
    """The page beside a server that answers."""

    api: Api
    url: str
    home: Path
    text: str
    calls: list[Operation]
    examples: dict[str, dict[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.examples = Reader(self.text).examples

    async def curl(self, call: Operation, known: Mapping[str, str]) -> tuple[int, str]:
        """Run an example as it is shown, with these variables; status and body."""
        code = self.examples[call.id]["curl"]
        if shutil.which("curl") is None:
            return await self.read_curl(code, known)
        out = await _run("sh", "-c", code, environ={"CURL_HOME": str(self.home), **known}, cwd=self.home)
        body, _, status = out.rpartition("\n")
        return int(status), body.strip()

    async def python(self, jobs: Sequence[tuple[Operation, Mapping[str, str]]]) -> list[tuple[int, str]]:
        """The same for many, in one interpreter: starting one takes longer than a call."""
        sent = json.dumps([(self.examples[call.id]["python"], known) for call, known in jobs])
        out = json.loads(await _run(sys.executable, "-I", "-c", PYTHON, sent=sent, cwd=self.home))
        return [(int(text.partition(" ")[0]), text.partition(" ")[2].strip()) for text in out]

    async def read_curl(self, code: str, known: Mapping[str, str]) -> tuple[int, str]:
        """The same where there is no curl: the words that a shell would hand it, as a request."""
        words = shlex.split(VARIABLE.sub(lambda name: known[name[1]], code).replace("\\\n", " "))
        assert words[0] == "curl"
        target = words[1].removeprefix(self.url)
        rest = list(zip(words[2::2], words[3::2], strict=True))
        headers = dict(value.split(": ", 1) for option, value in rest if option == "-H")
        method = next((value for option, value in rest if option == "-X"), "GET")
        body = next((value for option, value in rest if option in ("-d", "--data-binary")), "")
        reply = await self.api(method, target, headers=headers, body=body.encode())
        is_saved = any(option == "-o" for option, _ in rest)
        return reply.status, "" if is_saved else reply.content.decode()

    def at(self, method: str, path: str) -> Operation | None:
        return next((call for call in self.calls if (call.method, call.path) == (method, path)), None)

    async def make(self, call: Operation) -> dict[str, str]:
        """The key of a new account, and something of it for each id that the example of *call* names, made as examples do."""
        known = {"KEY": await new_key(self.api, call.id)}
        for name in VARIABLE.findall(self.examples[call.id]["curl"]):
            if name not in known:
                known[name] = str(await self.make_one(call, name, known))
        return known

    async def make_one(self, call: Operation, name: str, known: Mapping[str, str]) -> int | str:
        place = f"{{{name.lower()}}}"
        if call.path.startswith("/v2/email-accounts/"):  # no call makes one: its password is typed on the dashboard
            return await new_sender(self.api, known["KEY"])
        if call.path.startswith("/v2/verifications/"):
            maker = self.at("GET", "/v2/email-verifier")
        elif place in call.path:
            maker = self.at("POST", call.path.partition(f"/{place}")[0])
            if name == "DELIVERY_ID":  # nothing makes one by its own name: a test does
                maker = self.at("POST", "/v2/webhooks/{id}/test")
        else:
            # {"leads_list_id": …} is of /v2/leads_lists, wherever it stands.
            maker = self.at("POST", f"/v2/{name.lower().removesuffix('_id').removeprefix('target_')}s")
        assert maker, f"{call.path}: nothing makes what {name} names"
        _, text = await self.curl(maker, known)
        answer = json.loads(text)
        if "verification_id" in answer.get("meta", {}):
            return int(answer["meta"]["verification_id"])
        if name == "EMAIL":
            return str(answer["meta"]["params"]["emails"][0])
        data = answer["data"]
        if "id" in data:
            return int(data["id"])
        made = next(iter(data.values()))
        return int((made if isinstance(made, dict) else made[-1])["id"])


async def new_key(api: Api, name: str) -> str:  # noqa: F811
    async with api.app.services.stores.app.write() as conn:
        member = await create_user(conn, f"{name}-{secrets.token_hex(4)}@docs.example", now=NOW)
        return (await create_key(conn, member.account_id, "first", now=NOW, member_id=member.id)).plaintext


async def new_sender(api: Api, key: str) -> int:  # noqa: F811
    """Of whoever has *key*."""
    email = (await api("GET", "/v2/account", key=key)).body["data"]["email"]
    draft = SenderDraft(email="ada@docs.example", smtp=Server("smtp.docs.example", 465))
    async with api.app.services.stores.app.write() as conn:
        row = await conn.fetch_one(statement("SELECT account_id FROM member WHERE email = :email"), {"email": email})
        assert row
        member = await find_member(conn, row[0], None)
        assert member
        made = await create_sender(
            conn, member.account_id, member.id, draft, SenderSecrets(password="x"), secret=SECRET, now=NOW
        )
    return made.id


@pytest.fixture
async def reference(api: Api, tmp_path: Path) -> AsyncIterator[Reference]:  # noqa: F811
    services = api.app.services
    await api.plan(1, rate_verify="100000/s")
    # Nobody works on verifications here: each is a 202.
    services.patience = 0.05
    # Where the examples have something sent to: asked for, and never dialled.
    somewhere = ("example.com:443=93.184.216.34:443",)
    services.settings = msgspec.structs.replace(services.settings, http_resolve=somewhere)
    services.rates = dict.fromkeys(services.rates, parse_limits("100000/s"))
    (tmp_path / ".curlrc").write_text('silent\nwrite-out = "\\n%{http_code}"\n')
    async with listening(api.app) as url:
        document = describe(all_calls(trial=True), url)
        house = House(services, SECRET, lambda _: document, lambda *_, **__: None)
        text = (await Browser(create_web(house)).get("/docs")).text
        yield Reference(api, url, tmp_path, text, list_operations(document))


async def test_every_example_runs_as_it_is_shown_and_answers_as_documented(
    reference: Reference, settings: Settings
) -> None:
    assert set(reference.examples) == {call.id for call in reference.calls}

    async def run(call: Operation) -> None:
        check(reference, call, *await reference.curl(call, await reference.make(call)))

    for start in range(0, len(reference.calls), 4):
        await asyncio.gather(*(run(call) for call in reference.calls[start : start + 4]))
    if not settings.database_url:  # what Python sends is the same whatever the store
        jobs = [(call, await reference.make(call)) for call in reference.calls]
        for (call, _), (status, body) in zip(jobs, await reference.python(jobs), strict=True):
            check(reference, call, status, body)


def check(reference: Reference, call: Operation, status: int, body: str) -> None:
    # What names other things than its own may find that a new account has too few of them.
    is_fine = 200 <= status < 300 or (status == 422 and "_ID" in reference.examples[call.id]["curl"])
    # A campaign runs that has a message and an email account that can send.
    is_fine |= status == 422 and call.path in {
        f"/v2/campaigns/{{id}}/{act}" for act in ("start", "pause", "archive", "retry")
    }
    assert is_fine, (call.id, status, body)
    assert str(status) in {answer.status for answer in call.answers}
    if call.shape and status == int(min(answer.status for answer in call.answers)):
        assert set(json.loads(body)) == set(re.findall(r'^  "(\w+)"', call.shape, re.MULTILINE))


async def _run(*words: str, environ: Mapping[str, str] = {}, sent: str = "", cwd: Path | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *words, env={"PATH": os.environ["PATH"], **environ}, cwd=cwd,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, problem = await asyncio.wait_for(process.communicate(sent.encode()), 60)
    assert process.returncode == 0, (words, problem.decode())
    return out.decode()


WRONG = {
    "invalid_domain": "team",
    "invalid_email": "nobody",
    "invalid_first_name": "4d4",
    "invalid_last_name": "<b>",
    "invalid_full_name": "Ada",
    "invalid_max_duration": 2,
    "invalid_type": "robot",
    "invalid_seniority": "oldest",
    "invalid_department": "kitchen",
    "invalid_required_field": "shoes",
    "invalid_verification_status": "nice",
    "pagination_error": -1,
}
"""What is sent for the parameter that an error is about."""
ELSEWHERE = {"bad_request", "request_timeout", "uri_too_long", "headers_too_large", "internal_error", "store_unavailable", "too_many_requests",
             "idempotency_key_in_flight", "verification_failed", "validation_failed", "forbidden"}  # fmt: skip
"""Errors of a broken server, a slow or malformed client, a used-up plan: tests/api provokes them."""


async def test_errors_that_are_listed_do_come(reference: Reference) -> None:
    api = reference.api  # noqa: F811
    nobody = api.app.services.claims
    stopped = [("email", nobody.hash(email)) for email in ("patrick@stripe.com", "alexis.ohanian@reddit.com")]
    missed, tried = [], 0
    for call in reference.calls:
        for answer in call.answers:
            for id_ in set(answer.ids) - ELSEWHERE:
                api.app.services.claims = Claims(SECRET, stopped) if id_ == "claimed_email" else nobody
                reply = await provoke(api, call, id_)
                if reply is None:
                    continue
                tried += 1
                found = reply.body.get("errors", [{"id": "none"}])[0]
                if (str(reply.status), found["id"]) != (answer.status, id_):
                    missed.append((call.id, id_, reply.status, found))

    assert not missed, "\n".join(map(str, missed))
    assert tried > 5 * len(reference.calls)


async def provoke(api: Api, call: Operation, id_: str) -> Reply | None:  # noqa: F811
    """The answer to a request that should end with the error *id_*; None if that would be dear."""
    given = {
        place: {p.name: p.value for p in call.params if p.place == place and p.value} for place in ("query", "body")
    }
    query, body = given["query"], {name: _read(call, name, text) for name, text in given["body"].items()}
    method, key, headers, extra = call.method, api.a, {}, ""
    path = re.sub(r"{[a-z_]+}", str(NOWHERE), call.path)
    if id_ == "not_found":
        ids = [param.name for param in call.params if param.place == "body" and param.name.endswith("_id")]
        body |= {name: NOWHERE + at for at, name in enumerate(ids)}
    content = msgspec.json.encode(body) if body else b""
    if content:
        headers["content-type"] = "application/json"
    match id_:
        case "wrong_params":
            extra = "x=%00"
        case "authentication_failed":
            key = "nobodys"
        case "method_not_allowed":
            method = "PATCH"
        case "payload_too_large":
            content = b" " * 17_000_000
        case "unsupported_media_type":
            headers["content-type"], content = "text/xml", b"<a/>"
        case "claimed_email" if "{" in call.path:
            return None
        case "idempotency_key_mismatch":
            if "{" in call.path:
                return None
            key, headers["idempotency-key"] = await new_key(api, call.id), call.id
            first = await api(method, path, key=key, headers=headers, body=content)
            if first.status >= 300:
                return None  # it is about things that are not there
            # The first text in it is another one.
            content = re.sub(rb':(\[?(?:{"\w+":)?)"([^"]+)"', rb':\1"\2a"', content, count=1)
        case "not_found" | "claimed_email":
            pass
        case _:
            name = "limit" if id_ == "pagination_error" else id_.removeprefix("invalid_")
            place = next((param.place for param in call.params if param.name == name), None)
            if place is None:
                return None  # it is said of something within a parameter
            if place == "body":
                content = msgspec.json.encode(body | {name: WRONG[id_]})
            else:
                query[name] = str(WRONG[id_])
            if name == "full_name":
                query = {"full_name": query["full_name"], "domain": query["domain"]}
    target = "&".join(filter(None, (urlencode(query), extra)))
    return await api(
        method, f"{path}?{target}", key=None if call.access == "open" else key, headers=headers, body=content
    )


def _read(call: Operation, name: str, text: str) -> object:
    form = next(param.form for param in call.params if (param.name, param.place) == (name, "body"))
    return json.loads(text) if form == "json" else text.split(",") if form == "list" else text


async def test_what_another_module_adds_is_there_by_itself(reference: Reference) -> None:
    document = describe(all_calls(trial=True), "https://vizsla.test/")
    document["paths"]["/v2/leads/{id}/notes"] = {
        "post": {
            "operationId": "add_note",
            "summary": "Write a note",
            "description": "",
            "security": [{"header": []}],
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Note"}}}},
            "responses": {"204": {"description": "Done."}},
        }
    }
    document["components"]["schemas"]["Note"] = {
        "type": "object",
        "required": ["text", "list_id", "is_pinned"],
        "properties": {
            "text": {"type": "string"},
            "first_name": {"type": "string"},
            "list_id": {"type": "integer"},
            "is_pinned": {"type": "boolean"},
        },
    }
    house = House(reference.api.app.services, SECRET, lambda _: document, lambda *_, **__: None)
    text = (await Browser(create_web(house)).get("/docs")).text

    found = Reader(text)
    assert found.examples["post-leads-id-notes"]["curl"] == (
        'curl "https://vizsla.test/v2/leads/$ID/notes" \\\n  -X POST \\\n  -H "X-API-KEY: $KEY" \\\n'
        '  -H "Content-Type: application/json" \\\n'
        """  -d '{"text": "text", "first_name": "Patrick", "list_id": '$LIST_ID', "is_pinned": true}'"""
    )
    assert (
        'json.dumps({"text": "text", "first_name": "Patrick", "list_id": int(os.environ["LIST_ID"]), "is_pinned": True})'
        in found.examples["post-leads-id-notes"]["python"]
    )
    assert "#post-leads-id-notes" in found.links
    assert ">Leads</h2>" in text


async def test_every_link_leads_somewhere_and_every_field_has_a_name(reference: Reference) -> None:
    found = Reader(reference.text)

    assert len(found.ids) == len(set(found.ids))
    assert {link[1:] for link in found.links if link.startswith("#")} <= set(found.ids)
    assert {f"#{call.id}" for call in reference.calls} <= set(found.links)
    assert set(found.fields) <= set(found.labels)
    assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=|(?:src|href)=\"https?:", reference.text)


async def test_no_page_has_a_key_and_one_can_be_made_for_this_tab(site: Site) -> None:
    known, stranger = await site.person("b"), site.stranger()
    made = await known.post("/docs/key")
    key = json.loads(made.content)["api_key"]
    rows = await list_keys(site.stores.app, site.members["b"].account_id, limit=10)
    page = await known.get("/docs")

    assert (made.status, made.header("cache-control")) == (201, "no-store")
    assert [row.name for row in rows] == ["API docs", "first"]
    assert len(key) == 40
    assert key not in page.text
    assert site.keys["b"] not in page.text
    assert "$KEY" in page.text
    assert "Make one" in page.text
    assert "Make one" not in (await stranger.get("/docs")).text
    assert (await stranger.post("/docs/key")).header("location") == "/login"
    crossed = await known.post("/docs/key", sec_fetch_site="cross-site")
    assert crossed.status == 403
    assert len(await list_keys(site.stores.app, site.members["b"].account_id, limit=10)) == 2
