"""
Who said stop is in no column of any table: the columns are found from the catalogue, so a new one is asked about too.

A text column is either declared beside its table to hold no person (`NO_PERSON`), or `seed` writes a person into it, and the claim
takes them out again. Who adds a column does one or the other: see vizsla.erasure.rooms.
"""

import importlib
import io
import json
import pkgutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import msgspec
import pytest
from sqlalchemy import Table, Text

import vizsla
from accounts.conftest import NOW
from api.conftest import Moment
from vizsla.accounts.idempotency import Answered, keep_answer, request_of
from vizsla.accounts.store import create_user
from vizsla.accounts.uploads import keep_upload
from vizsla.crawl.asks import record_ask
from vizsla.crawl.pages import CrawledPage
from vizsla.crawl.requests import request_crawl
from vizsla.crawl.store import record_pages
from vizsla.erasure.claiming import claim, finish_erasures
from vizsla.erasure.holdings import export, hold
from vizsla.finder.bulk import Answer, Asked, add_list, claim_list, keep_answers
from vizsla.finder.bulk_searches import Answer as SearchAnswer
from vizsla.finder.bulk_searches import Target
from vizsla.finder.bulk_searches import add_list as add_searches
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.index.merge import merge
from vizsla.index.profile import FIELDS
from vizsla.kit.csv_file import Record
from vizsla.kit.email_address import parse_email
from vizsla.kit.settings import Settings
from vizsla.leads.attributes import create_attribute
from vizsla.leads.import_file import add_import, read
from vizsla.leads.imports import start_import
from vizsla.leads.lead import TEXTS, draft
from vizsla.leads.mapping import Plan
from vizsla.leads.store import upsert_lead
from vizsla.leads.trash import trash_leads
from vizsla.leads.views import View, create_view
from vizsla.mail.messages import claim_link
from vizsla.mail.post import OutboxPost, outbox_of
from vizsla.privacy.claims import Claims, add_claim, load_claims, parse_claimed
from vizsla.privacy.ledger import Word, list_ledger
from vizsla.privacy.suppression import list_suppressed, suppress, suppressed_of
from vizsla.storage.database import Database
from vizsla.storage.open import Stores
from vizsla.storage.schema import app_metadata, index_metadata
from vizsla.storage.statement import statement
from vizsla.verifier.bulk import Ending
from vizsla.verifier.bulk_store import add_rows, open_list, start_list
from vizsla.verifier.evidence import Step, dump_trail
from vizsla.verifier.memo import put_memo
from vizsla.verifier.outcome import Memo
from vizsla.verifier.store import begin_verification
from vizsla.webhooks.endpoints import create_endpoint
from vizsla.webhooks.outbox import announce

SECRET = b"0" * 32
NOBODY = Claims(SECRET)
ZELDA = "zelda.moehnert@quux.example"
OPERATOR = Word("operator", "root")


def declared() -> dict[str, str]:
    """What every room says of its columns."""
    found: dict[str, str] = {}
    for module in pkgutil.walk_packages(vizsla.__path__, "vizsla."):
        if module.name.endswith(".tables"):
            found |= getattr(importlib.import_module(module.name), "NO_PERSON", {})
    return found


def text_columns() -> Iterator[tuple[str, Table, str]]:
    """Store, table and name of every text column of the catalogue."""
    declared()  # so that all are imported
    for store, metadata in (("app", app_metadata), ("index", index_metadata)):
        for table in metadata.tables.values():
            for column in table.columns:
                if isinstance(column.type, Text):
                    yield store, table, column.name


async def columns_with(stores: Stores, text: str) -> set[str]:
    """`table.column` of all that hold *text* somewhere, in whatever case."""
    found = set()
    for store, table, column in text_columns():
        database: Database = getattr(stores, store)
        rows = await database.fetch_all_slowly(statement(f"SELECT {column} FROM {table.name}"))
        if any(text in (row[0] or "").lower() for row in rows):
            found.add(f"{table.name}.{column}")
    return found


async def seed(stores: Stores) -> None:
    """Zelda of quux.example, and Joe of globex.example, wherever somebody can be."""
    person = {
        "first_name": "Zelda", "last_name": "Moehnert", "name_score": 3, "position": "Head of Quux Zeldatics", "phone": "+49quuxzelda",
        "twitter": "quuxzelda", "linkedin": "quux-zelda",
    }  # fmt: skip
    async with stores.index.write() as conn:
        await merge(
            conn,
            sightings=[
                Sighting("quux.example", "zelda.moehnert", "https://quux.example/team", NOW - 9, NOW - 9, "mailto", **person),
                Sighting("quux.example", "joe", "https://quux.example/team", NOW - 9, NOW - 9, "mailto"),
                Sighting("globex.example", "joe", "https://globex.example/", NOW - 9, NOW - 9, "mailto"),
                Sighting("globex.example", "amy", f"https://globex.example/{ZELDA}", NOW - 9, NOW - 9, "mailto"),
            ],
            facts=[
                *(Fact("quux.example", key, f"Quux of Zelda {key}", "https://quux.example/", NOW - 9, 1) for key in FIELDS),
                Fact("quux.example", "linked_domain", "zelda-quux.example", "https://quux.example/", NOW - 9, 1),
                Fact("globex.example", "organization", "Globex", "https://globex.example/", NOW - 9, 1),
                Fact("globex.example", "description", f"Ask {ZELDA}", "https://globex.example/", NOW - 9, 1),
            ],
            visits=[Visit(f"https://quux.example/{ZELDA}", "quux.example", NOW - 9, "digest")],
            claims=NOBODY,
            today=NOW,
        )  # fmt: skip
        await record_pages(conn, "quux.example", [CrawledPage(f"https://quux.example/?for={ZELDA}", 200, NOW)], [])
        await request_crawl(conn, "quux.example", NOW)
        run = {"now": NOW, "names": '["crawl-quux.example.warc.gz"]', "counts": '{"failed":[{"name":"quux.example"}]}'}
        await conn.execute(
            statement(
                "INSERT INTO harvest_run (kind, names, by_whom, state, requested_at, attempt, stage, done, total, counts, ending) "
                "VALUES ('crawl', :names, 'operator', 'done', :now, 0, '', 0, 0, :counts, 'quux.example is gone')"
            ),
            run,
        )
        # Only for domains with hundreds of addresses.
        await conn.execute(statement("INSERT INTO facet VALUES ('quux.example', 'personal', '', '', 0, 2)"))
    async with stores.app.write() as conn:
        account_id = (await create_user(conn, "owner@initech.example", now=NOW)).account_id
        trail = [Step(NOW, "smtp", f"RCPT TO:<{ZELDA}>", "551 moved")]
        for local, domain in (("zelda.moehnert", "quux.example"), ("joe", "globex.example")):
            await begin_verification(conn, domain, local, NOW)
        await conn.execute(statement("UPDATE verification SET trail = :trail"), {"trail": dump_trail(trail)})
        for domain in ("quux.example", "globex.example"):
            await put_memo(conn, domain, Memo("no", NOW, trail))
        await _seed_lists(conn, account_id)
        await _seed_leads(conn, account_id)
        await create_endpoint(conn, account_id, "https://initech.example/hook", ["lead.created"], key=SECRET, now=NOW)
        for said in ({"email": ZELDA, "last_name": "Moehnert"}, {"email": "joe@globex.example"}):
            await announce(conn, account_id, "lead.created", said, NOW)
        await _seed_campaigns(conn, account_id)
        request = request_of(account_id, method="POST", path="/v2/x", key="k", params=b"")
        await keep_answer(conn, request, Answered(200, f'{{"email":"{ZELDA}"}}'.encode()), NOW)
        await record_ask(conn, account_id, "quux.example", member_id=None, now=NOW)
        rows = [["Zelda", "Moehnert", "quux.example"], ["x", ZELDA.upper(), ""], ["Joe", "Roe", "globex.example"]]
        await keep_upload(
            conn,
            account_id,
            kind="findings",
            name="x.csv",
            parts=[[Record(row) for row in rows]],
            has_header=False,
            now=NOW,
        )
        who = {"account_id": account_id, "now": NOW, "email": ZELDA}
        for text in (
            "INSERT INTO invitation (account_id, id, hash, email, invited_by, created_at, expires_at) "
            "VALUES (:account_id, 900, 'h', :email, 1, :now, :now)",
            "INSERT INTO sign_up (hash, email, created_at, expires_at) VALUES ('h', :email, :now, :now)",
            "INSERT INTO request_log (account_id, id, key_id, at, method, path, call, status, ms, request_id) "
            "VALUES (:account_id, 1, 1, :now, 'GET', '/v2/' || :email, 'x', 404, 1, 'r')",
        ):
            await conn.execute(statement(text), who)


async def _seed_lists(conn, account_id: int) -> None:
    list_id = await open_list(conn, account_id, NOW)
    ending = Ending("verified", NOW, domain="quux.example", local="zelda.moehnert")
    texts = [(ZELDA.upper(), ending), (f"{ZELDA}; joe@globex.example", None), ("joe@globex.example", None)]
    await add_rows(conn, account_id, list_id, 1, texts)
    await start_list(conn, account_id, list_id, size=3, tally={}, period=0, now=NOW)
    people = [
        Asked(full_name="Zelda MOEHNERT", domain="https://www.quux.example"),
        Asked(first_name="Zelda", last_name="Moehnert", domain="quux.example"),
        Asked(first_name="Joe", last_name="Roe", domain="globex.example"),
    ]
    await add_list(conn, account_id, [(asked, "") for asked in people], max_duration=1, now=NOW)
    job = await claim_list(conn, now=NOW, until=NOW + 9, worker="w")
    assert job is not None
    await keep_answers(conn, job, [(1, Answer(error="x", details=f"not {ZELDA}"))], NOW)
    await _seed_searches(conn, account_id)
    for table in ("bulk_list", "bulk_finding", "bulk_search"):
        await conn.execute(statement(f"UPDATE {table} SET name = :name"), {"name": f"of-{ZELDA}.csv"})
    await conn.execute(
        statement("UPDATE bulk_finding_row SET domain = 'quux.example', local = 'zelda.moehnert' WHERE number = 1")
    )


async def _seed_leads(conn, account_id: int) -> None:
    """Her lead, with her in every field; Joe's, whose notes speak of her; a file with a row of hers."""
    attribute = await create_attribute(conn, account_id, "Assistant")
    said = {name: f"Zelda of Quux, {ZELDA}" for name in TEXTS if name != "country_code"}
    await upsert_lead(conn, account_id, draft({"email": ZELDA} | said, attributes={attribute.slug: ZELDA}), NOW)
    await upsert_lead(
        conn, account_id, draft({"email": "joe@globex.example", "notes": f"Ask {ZELDA}", "company": "G"}), NOW
    )
    trashed, _ = await upsert_lead(
        conn, account_id, draft({"email": f"pa@{ZELDA.rpartition('@')[2]}", "notes": ZELDA}), NOW
    )
    await trash_leads(conn, account_id, [trashed], 1, NOW)
    view = View(0, "Some", urlencode({"email": ZELDA, "company": "G"}), ("email",), is_shared=True)
    await create_view(conn, account_id, 0, view, NOW)
    file = io.BytesIO(f"email,notes\n{ZELDA.upper()},x\njoe@globex.example,y\n".encode())
    with read(file) as found:
        made = await add_import(conn, account_id, found, file_name=f"of-{ZELDA}.csv", now=NOW)
    await start_import(conn, account_id, made.id, Plan(("email", "notes"), source=f"of-{ZELDA}.csv"), NOW)


async def _seed_campaigns(conn, account_id: int) -> None:
    """She was written to and answered, and so did a colleague of Joe's whose mail speaks of her; she is on a list of its own too."""
    mine = {
        "account_id": account_id,
        "now": NOW,
        "her": ZELDA,
        "joe": "joe@globex.example",
        "of": f"of-{ZELDA}.pdf",
        "url": f"https://x.test/?for={ZELDA}",
    }
    await conn.execute(
        statement("""
            INSERT INTO campaign (account_id, id, member_id, name, timezone, days, start_second, end_second, created_at, tracks_opens,
                tracks_clicks, adds_unsubscribe, stops_company, absence_days, max_lateness, uncertain, bcc, version, recipients_count)
            VALUES (:account_id, 800, 1, 'Spring', 'UTC', 127, 0, 86400, :now, 0, 0, 0, 0, 0, 1, 'hold', :her, 0, 3)
        """),
        mine,
    )
    await conn.execute(
        statement("""
            INSERT INTO sender (account_id, id, member_id, email, smtp, login, auth, sealed, daily_cap, gap, timezone, days,
                start_second, end_second, journal, state, failures, created_at, attempt, trouble)
            VALUES (:account_id, 801, 1, 's@initech.example', '', '', '', '', 1, 1, 'UTC', 127, 0, 86400, '', '', 0, 0, 0, :her)
        """),
        mine,
    )
    for text in (
        "INSERT INTO mailbox (account_id, sender_id, folder, last_uid, attempt, trouble) VALUES (:account_id, 801, '', 0, 0, :her)",
        "INSERT INTO campaign_link (account_id, campaign_id, number, url, hash) VALUES (:account_id, 800, 1, :url, '')",
        "INSERT INTO campaign_attachment (account_id, id, campaign_id, step, file_name, content_type, body) "
        "VALUES (:account_id, 802, 800, 0, :of, '', CAST('' AS {blob}))",
    ):
        blob = {"sqlite": "blob", "postgresql": "bytea"}[conn.dialect]
        await conn.execute(statement(text.format(blob=blob)), mine)
    for id_, who in ((803, ZELDA), (804, "joe@globex.example")):
        named = mine | {"id": id_, "who": who, "name": f"n{id_}", "key": f"reply:{id_}:<{ZELDA}>"}
        for text in (
            "INSERT INTO recipient (account_id, id, campaign_id, email, address, step, state, soft_bounces, added_at, due, trouble) "
            "VALUES (:account_id, :id, 800, :who, :who, 1, 'scheduled', 0, :now, :now, :her)",
            "INSERT INTO message (account_id, id, campaign_id, recipient_id, step, sender_id, message_id, state, attempts, reply, "
            "subject, body, claimed_at) VALUES (:account_id, :id, 800, :id, 0, 801, :name, 'sent', 1, :her, :her, :her, :now)",
            "INSERT INTO event (account_id, id, campaign_id, recipient_id, step, kind, actor, at, agent, dedupe) "
            "VALUES (:account_id, :id, 800, :id, 0, 'reply', 'human', :now, :her, :key)",
            "INSERT INTO inbound (account_id, id, sender_id, folder, uidvalidity, uid, message_id, kind, campaign_id, recipient_id, "
            "email, name, subject, text, html, at) "
            "VALUES (:account_id, :id, 801, '', 1, :id, :her, 'human', 800, :id, :who, :her, :her, :her, :her, :now)",
            "INSERT INTO reply (account_id, id, inbound_id, recipient_id, sender_id, member_id, message_id, subject, body, created_at, "
            "attempt, trouble) VALUES (:account_id, :id, :id, :id, 801, 1, :name, :her, :her, :now, 0, :her)",
        ):
            await conn.execute(statement(text), named)
    # She answered for Joe: nobody had written to her.
    await conn.execute(
        statement(
            "INSERT INTO inbound (account_id, id, sender_id, folder, uidvalidity, uid, kind, recipient_id, email, at) "
            "VALUES (:account_id, 805, 801, '', 1, 805, 'human', 804, :her, :now)"
        ),
        mine,
    )
    for value in (ZELDA, "quux.example", "joe@globex.example"):
        await suppress(conn, NOBODY, account_id, value, "manual", now=NOW)


async def _seed_searches(conn, account_id: int) -> None:
    targets = [Target("quux.example"), Target("www.quux.example"), Target("globex.example", f"c/o {ZELDA}")]
    made = await add_searches(conn, account_id, [(target, "") for target in targets], per_domain=9, now=NOW)
    answer = SearchAnswer(pattern="{first}.{last}", organization="Quux", results=2)
    await conn.execute(
        statement(
            "UPDATE bulk_search_row SET answer = :answer, domain = 'quux.example', locals = :locals "
            "WHERE list_id = :id AND number = 1"
        ),
        {"answer": msgspec.json.encode(answer).decode(), "locals": '["joe","zelda.moehnert"]', "id": made.id},
    )


async def test_a_claimed_domain_is_in_no_column_that_is_not_declared(stores: Stores, tmp_path: Path) -> None:
    await seed(stores)
    all_ = {f"{table.name}.{column}" for _, table, column in text_columns()}
    held: set[str] = set().union(*[await columns_with(stores, trace) for trace in ("quux", "zelda", "moehnert")])

    assert set(declared()) <= all_, "declared, and not there"
    assert all_ - set(declared()) - held == set(), (
        "Columns that may hold a person: name them in NO_PERSON beside their table, or let `seed` write Zelda into them and a room "
        "of vizsla.erasure.rooms forget her."
    )

    await claim(stores, NOBODY, parse_claimed("quux.example"), Moment(), word=OPERATOR)

    assert await columns_with(stores, "zelda") == set()
    # By their domain a company's claim is recognised in the list of claims.
    assert await columns_with(stores, "quux") == {"claim.label", "claim_event.label"}
    left = await columns_with(stores, "globex.example")
    assert {"email.domain", "verification.domain", "bulk_row.email", "bulk_finding_row.asked", "fact.uri"} <= left


async def test_a_claimed_address_is_in_no_column(stores: Stores) -> None:
    await seed(stores)
    before = await columns_with(stores, "zelda")
    assert {
        "email.local",
        "verification.trail",
        "bulk_row.email",
        "bulk_finding_row.asked",
        "invitation.email",
    } <= before

    await claim(stores, NOBODY, parse_claimed(ZELDA), Moment(), word=OPERATOR)

    gone = await columns_with(stores, "moehnert")
    assert gone == set()
    # The company's own words are not hers.
    assert await columns_with(stores, "zelda") == {"domain.linked_domains", "company_name.name", "fact.value"} | {
        f"domain.{name}" for name in FIELDS
    }
    joe = statement("SELECT count(*) FROM email WHERE local = 'joe'")
    assert (await stores.index.fetch_one(joe))[0] == 2  # type: ignore[index]
    rows = await stores.app.fetch_all(statement("SELECT email FROM bulk_row ORDER BY number"))
    assert [row[0] for row in rows] == ["", "", "joe@globex.example"]
    rows = await stores.app.fetch_all(statement("SELECT state, due, body IS NULL FROM webhook_delivery ORDER BY id"))
    assert [tuple(row) for row in rows] == [("dead", None, True), ("waiting", NOW, False)]
    rows = await stores.app.fetch_all(statement("SELECT locals FROM bulk_search_row ORDER BY number"))
    assert [row[0] for row in rows] == ['["joe"]', None, None]
    ((rows,),) = await stores.app.fetch_all(statement("SELECT rows FROM upload_part"))
    assert [row["cells"] for row in json.loads(rows)] == [[], [], ["Joe", "Roe", "globex.example"]]


async def test_campaigns_go_on_without_who_was_claimed(stores: Stores) -> None:
    await seed(stores)

    await claim(stores, NOBODY, parse_claimed(ZELDA), Moment(), word=OPERATOR)

    app = stores.app
    (joe,) = await app.fetch_all(statement("SELECT id, email, due, trouble FROM recipient"))
    assert joe == (804, "joe@globex.example", NOW, None)
    for table, ids in (
        ("message", [804]),
        ("event", [804]),
        ("inbound", [804]),
        ("reply", [804]),
        ("campaign_link", []),
    ):
        column = "number" if table == "campaign_link" else "id"
        assert [row[0] for row in await app.fetch_all(statement(f"SELECT {column} FROM {table}"))] == ids, table
    assert await app.fetch_all(statement("SELECT recipients_count, bcc FROM campaign")) == [(1, None)]
    assert await app.fetch_all(statement("SELECT file_name FROM campaign_attachment")) == [("file",)]
    # Her name is gone from the list, and she is not written to all the same.
    (row,) = await app.fetch_all(statement("SELECT account_id FROM suppression LIMIT 1"))
    assert await suppressed_of(app, NOBODY, row[0], [ZELDA]) == {ZELDA: "manual"}
    assert {one.value for one in await list_suppressed(app, row[0], limit=9)} == {
        None,
        "quux.example",
        "joe@globex.example",
    }


async def test_whose_address_ends_alike_is_left_alone(stores: Stores) -> None:
    await seed(stores)
    before = await columns_with(stores, "zelda")

    await claim(stores, NOBODY, parse_claimed("moehnert@quux.example"), Moment(), word=OPERATOR)
    await claim(stores, NOBODY, parse_claimed("x.example"), Moment(), word=OPERATOR)

    assert await columns_with(stores, "zelda") == before


async def test_the_files_hold_nothing_of_who_was_claimed(stores: Stores, settings: Settings) -> None:
    await seed(stores)
    crowd = [
        Sighting("quux.example", f"p{n}", f"https://quux.example/{n % 7}", NOW, NOW, "mailto", first_name="Zelda", last_name=f"P{n}",
                 name_score=3)
        for n in range(2_000)
    ]  # fmt: skip
    async with stores.index.write() as conn:
        await merge(conn, sightings=crowd, claims=NOBODY, today=NOW)
    outbox = outbox_of(settings)
    await OutboxPost(outbox, "v@vizsla.test").send(claim_link(ZELDA, link="https://v.test/", until=NOW), "m", NOW)
    await OutboxPost(outbox, "v@vizsla.test").send(
        claim_link("j@a.example", link="https://v.test/", until=NOW), "n", NOW
    )
    assert await spelled(stores, settings)

    await claim(stores, NOBODY, parse_claimed(ZELDA), Moment(), word=OPERATOR, outbox=outbox)

    assert await spelled(stores, settings) == []
    if stores.app.dialect == "sqlite":
        for name in ("app.db", "index.db"):
            raw = sqlite3.connect(settings.home / name, isolation_level=None)
            raw.execute("VACUUM")
            raw.close()
    assert await spelled(stores, settings) == []
    assert len(list(outbox.iterdir())) == 1


async def spelled(stores: Stores, settings: Settings) -> list[str]:
    """The files of the home, and tables of PostgreSQL, in which her name stands."""
    found = [
        str(path)
        for path in sorted(settings.home.rglob("*"))
        if path.is_file() and b"moehnert" in path.read_bytes().lower()
    ]
    if stores.app.dialect == "postgresql":
        connection = await asyncpg.connect(settings.database_url)
        found += [
            table
            for table in [*app_metadata.tables, *index_metadata.tables]
            if await connection.fetchval(f"SELECT 1 FROM {table} AS t WHERE t::text ILIKE '%moehnert%' LIMIT 1")
        ]
        await connection.close()
    return found


async def test_the_ledger_says_what_went_and_is_never_changed(stores: Stores) -> None:
    await seed(stores)
    await claim(stores, NOBODY, parse_claimed(ZELDA), Moment(), word=OPERATOR)

    erased, claimed = await list_ledger(stores.app)
    assert (claimed.what, claimed.label, claimed.who, claimed.proof) == (
        "claimed",
        "z***@quux.example",
        "operator",
        "root",
    )
    assert erased.what == "erased"
    assert (erased.erased["email"], erased.erased["verification"], erased.erased["bulk_row"]) == (1, 2, 2)
    assert await list_ledger(stores.app, before=claimed.id) == []
    for text in ("DELETE FROM claim_event", "UPDATE claim_event SET label = 'x'"):
        with pytest.raises((sqlite3.IntegrityError, asyncpg.RaiseError), match="never changed"):
            async with stores.app.write() as conn:
                await conn.execute(statement(text))
    assert len(await list_ledger(stores.app)) == 2


async def test_what_is_held_is_shown_in_whole_and_gone_afterwards(stores: Stores) -> None:
    await seed(stores)

    shown = await hold(stores, NOBODY, parse_email(ZELDA), NOW)

    assert [(seen.uri, seen.read.position) for seen in shown.public_web.seen] == [
        ("https://quux.example/team", "Head of Quux Zeldatics")
    ]
    assert shown.public_web.shown["last_name"] == "Moehnert"
    assert shown.public_web.mentioned_on == ["https://globex.example/", f"https://globex.example/{ZELDA}"]
    assert [len(part) for part in (shown.verifications, shown.in_lists_to_verify, shown.in_lists_to_find)] == [1, 2, 2]
    assert b"joe@globex.example" in export(shown)  # it stood in one cell with hers
    assert b"initech" not in export(shown)
    assert not shown.has_account

    await claim(stores, NOBODY, parse_claimed(ZELDA), Moment(), word=OPERATOR)

    after = await hold(stores, await load_claims(stores.app, SECRET), parse_email(ZELDA), NOW)
    assert after.is_claimed
    assert after.is_empty


async def test_what_was_claimed_and_not_yet_erased_goes_at_the_next_start(stores: Stores) -> None:
    await seed(stores)
    clock = Moment()
    # The process died after the claims were committed.
    async with stores.app.write() as conn:
        for claimed in (ZELDA, "globex.example"):
            await add_claim(conn, NOBODY, parse_claimed(claimed), NOW - 1)

    assert await finish_erasures(stores, SECRET, clock) == 2
    assert await finish_erasures(stores, SECRET, clock) == 0

    assert await columns_with(stores, "moehnert") == set()
    assert await columns_with(stores, "globex.example") == {"claim.label", "claim_event.label"}
    assert {line.who for line in await list_ledger(stores.app)} == {"restart"}
    assert (await load_claims(stores.app, SECRET)).is_claimed("globex.example")
