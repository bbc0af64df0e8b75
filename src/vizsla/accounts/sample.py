"""
Who asks about the sample?

`vizsla serve --with-sample` prints a line that answers with data, and such a line needs a key. It belongs to an account without
members, so that the set-up link still waits for the first person; each start makes a new key and revokes the one before.
"""

from sqlalchemy import bindparam, select

from vizsla.accounts.keys import create_key, revoke_all_keys
from vizsla.accounts.store import Plan, create_account, set_plan
from vizsla.accounts.tables import account
from vizsla.storage.database import Connection
from vizsla.storage.statement import statement

PLAN = Plan(plan_name="Sample", plan_level=0, plan_searches=1_000, plan_verifications=100)
_FIND = statement(select(account.c.id).where(account.c.plan_name == bindparam("plan_name_")).limit(1))


async def issue_sample_key(conn: Connection, now: int) -> str:
    """A new key of the sample's account; the one before stops working."""
    row = await conn.fetch_one(_FIND, {"plan_name_": PLAN.plan_name})
    if row is None:
        account_id = await create_account(conn, now)
    else:
        account_id = int(row[0])
        await revoke_all_keys(conn, account_id, now)
    await set_plan(conn, account_id, PLAN)
    return (await create_key(conn, account_id, "sample", now=now)).plaintext
