"""How Alembic reaches a database: the same for both chains."""

import asyncio
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def run() -> None:
    """Run the migrations that `context` asks for."""
    attributes: dict[str, Any] = context.config.attributes
    url: str = attributes["url"]
    if url.startswith("sqlite:"):
        engine = create_engine(url, poolclass=NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("PRAGMA wal_autocheckpoint=0")
            connection.commit()
            _run(connection, attributes["which"])
    else:
        asyncio.run(_run_postgresql(url, attributes["which"]))


async def _run_postgresql(url: str, which: str) -> None:
    # Statements without names, and none kept: a pooler may stand between (storage.postgres).
    options = {"statement_cache_size": 0, "prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
    url = "postgresql+asyncpg://" + url.partition("://")[2]
    engine = create_async_engine(url, poolclass=NullPool, connect_args=options)
    async with engine.connect() as connection:
        await connection.run_sync(_run, which)
        await connection.commit()
    await engine.dispose()


def _run(connection: Connection, which: str) -> None:
    context.configure(
        connection=connection,
        render_as_batch=True,
        version_table=f"alembic_version_{which}",
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7601121)"))
        context.run_migrations()
