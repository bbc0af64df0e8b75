"""
How long is a writer held up while a long list joins a campaign, and while the campaign starts?

    python benchmarks/campaign_lists.py [LEADS] [DATABASE_URL]

Makes that many leads (100,000), of which every second one is in the list, adds the list, starts and archives the campaign, step by
step, as the loop does, and prints the time of the longest and of the usual transaction, and the memory at its highest.
"""

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from vizsla.accounts.store import create_user
from vizsla.campaigns.campaign import Changes, create_campaign
from vizsla.campaigns.starting import add_list, archive_campaign, start_campaign
from vizsla.campaigns.steps import add_step
from vizsla.campaigns.tasks import claim_task, step
from vizsla.kit.settings import Settings
from vizsla.leads.lists import create_list
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores, open_stores
from vizsla.storage.statement import statement

NOW = 1_795_000_000
CLAIMS = Claims(b"0" * 32)
_LEADS = """
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < :count)
    INSERT INTO lead (account_id, id, email, first_name, company, lists, created_at, change)
    SELECT :account_id, 1000 + n, 'person' || n || '@company' || (n % 5000) || '.test', 'Ann', 'Acme',
        CASE WHEN n % 2 = 0 THEN ',' || :list_id || ',' END, :now, 1 FROM number
"""
_SENDER = statement("""
    INSERT INTO sender (account_id, id, member_id, email, smtp, login, auth, sealed, daily_cap, gap, timezone, days, start_second,
        end_second, journal, state, failures, created_at, attempt)
    VALUES (:account_id, :id, 1, 's' || CAST(:id AS text), '{}', '', 'password', '', 9, 9, 'UTC', 127, 0, 86400, 'none', 'ok', 0, 0, 0)
""")


async def _finish(stores: Stores, what: str, first: float) -> None:
    """Work the task off, and say how long its transactions took."""
    async with stores.app.write() as conn:
        held = await claim_task(conn, now=NOW, until=NOW + 600, worker="w")
    seconds = [first]
    at: int | None = held.last_id if held is not None else -1
    while held is not None and at is not None and at >= 0:
        began = time.perf_counter()
        async with stores.app.write() as conn:
            at = await step(conn, CLAIMS, held, at, until=NOW + 600, now=NOW)
        seconds.append(time.perf_counter() - began)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    print(
        f"{what:8} {len(seconds):6,} transactions  median {statistics.median(seconds) * 1_000:7.1f} ms  "
        f"longest {max(seconds) * 1_000:7.1f} ms  in all {sum(seconds):6.1f} s  memory {peak:,.0f} MB"
    )


async def main(count: int, url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with open_stores(
            Settings(home=Path(folder), secret_key="0" * 64, database_url=url, index_url=url)
        ) as stores:
            async with stores.app.write() as conn:
                me = (await create_user(conn, "a@a.test", now=NOW)).account_id
                list_id = (await create_list(conn, me, "Fair", NOW)).id
                values = {"account_id": me, "count": count, "now": NOW, "list_id": str(list_id)}
                await conn.execute(statement(_LEADS), values)
                await conn.execute(statement("UPDATE account SET last_id = :last"), {"last": 1_001 + count})
                for id_ in range(1, 21):
                    await conn.execute(_SENDER, {"account_id": me, "id": 10_000_000 + id_})
                senders = tuple(10_000_000 + id_ for id_ in range(1, 21))
                made = await create_campaign(conn, me, 1, Changes(sender_ids=senders), NOW)
                await add_step(conn, me, made.id, subject="Hi", body="Hi {{ first_name }}")
            for what in ("add", "start", "archive"):
                began = time.perf_counter()
                async with stores.app.write() as conn:
                    if what == "add":
                        await add_list(conn, CLAIMS, me, made.id, list_id, now=NOW)
                    elif what == "start":
                        await start_campaign(conn, CLAIMS, me, made.id, NOW)
                    else:
                        await archive_campaign(conn, CLAIMS, me, made.id, NOW)
                await _finish(stores, what, time.perf_counter() - began)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    asyncio.run(main(int(arguments[0]) if arguments else 100_000, arguments[1] if len(arguments) > 1 else ""))
