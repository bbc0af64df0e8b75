"""
What does a query say to each database?

A statement is written once, as a SQLAlchemy Core construct or as SQL text with `:name` parameters, compiled once per
dialect, and executed on the raw driver: building it anew for each call costs ten times the query (docs/explanation/storage).

In text, `IN :names[text]` (or `[bigint]`) takes a list: `json_each` on SQLite, `unnest` on PostgreSQL.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql import asyncpg as _asyncpg
from sqlalchemy.dialects.sqlite import pysqlite as _pysqlite

Params = Mapping[str, Any]
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)(?:\[(text|bigint)\])?", re.ASCII)
_sqlite_dialect = _pysqlite.dialect(paramstyle="named")
_postgresql_dialect = _asyncpg.dialect()  # type: ignore[no-untyped-call]


class Statement(msgspec.Struct, frozen=True):
    """One statement in both dialects' words."""

    sqlite: str
    postgresql: str
    names: tuple[str, ...]
    """Parameters in the order of PostgreSQL's `$1`, `$2` …"""
    defaults: Mapping[str, Any] = {}
    """Values that the construct itself brings."""
    lists: frozenset[str] = frozenset()

    def for_sqlite(self, params: Params) -> Params:
        """Values by name, lists as JSON."""
        if self.defaults:
            params = {**self.defaults, **params}
        if self.lists:
            params = {name: json.dumps(value) if name in self.lists else value for name, value in params.items()}
        return params

    def for_postgresql(self, params: Params) -> Sequence[Any]:
        """Values by position."""
        if self.defaults:
            params = {**self.defaults, **params}
        return [params[name] for name in self.names]


def statement(query: ClauseElement | str, *, postgresql: str | None = None) -> Statement:
    """*query* compiled for both dialects; text that must differ on PostgreSQL is given beside it."""
    if isinstance(query, str):
        lists: set[str] = set()
        sqlite = _PARAMETER.sub(lambda match: _sqlite_parameter(match, lists), query)
        names: list[str] = []
        text = _PARAMETER.sub(lambda match: _postgresql_parameter(match, names), postgresql or query)
        return Statement(sqlite, text, tuple(names), {}, frozenset(lists))
    on_sqlite = query.compile(dialect=_sqlite_dialect)
    on_postgresql = query.compile(dialect=_postgresql_dialect)
    names = list(on_postgresql.positiontup or ())  # type: ignore[attr-defined]
    defaults = {name: value for name, value in (on_sqlite.params or {}).items() if value is not None}
    return Statement(str(on_sqlite), str(on_postgresql), tuple(names), defaults)


def _sqlite_parameter(match: re.Match[str], lists: set[str]) -> str:
    name, kind = match.groups()
    if not kind:
        return f":{name}"
    lists.add(name)
    return f"(SELECT value FROM json_each(:{name}))"  # noqa: S608


def _postgresql_parameter(match: re.Match[str], names: list[str]) -> str:
    name, kind = match.groups()
    if name not in names:
        names.append(name)
    place = f"${names.index(name) + 1}"
    return f"(SELECT unnest({place}::{kind}[]))" if kind else place
