"""
Which tables are there?

Rooms describe their tables on one of two MetaData: `app_metadata` (precious: accounts, claims, leads …) or
`index_metadata` (derived from the web, rebuildable). Types are those that mean the same on SQLite and PostgreSQL: text,
64-bit integers, floats. Booleans are 0 and 1, times are seconds since 1970, JSON is text.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Sequence
from typing import Literal

from sqlalchemy import BigInteger, Integer, MetaData, Table

_NAMES = {
    "ix": "%(table_name)s_%(column_0_N_name)s",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
app_metadata = MetaData(naming_convention=_NAMES)
index_metadata = MetaData(naming_convention=_NAMES)

Id = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit key that the database counts up by itself (SQLite does so for INTEGER PRIMARY KEY alone)."""


PARTITIONS = 8
"""
Pieces that PostgreSQL cuts a table in, by the hash of `domain`. A statement locks all pieces before it knows which one it needs,
and PostgreSQL keeps a session's first sixteen locks where they are cheap: eight pieces and their indexes fit, sixteen do not
(docs/explanation/storage has what each number costs).
"""


def list_partitions(table: Table) -> Iterator[str]:
    """The names of the pieces of *table* on PostgreSQL; none if it is whole."""
    if table.dialect_options["postgresql"]["partition_by"]:
        yield from (f"{table.name}_p{number}" for number in range(PARTITIONS))


def list_tables(which: Literal["app", "index"]) -> Sequence[Table]:
    """Every table of one database, those first that others refer to; all rooms are asked."""
    package = importlib.import_module("vizsla")
    for room in pkgutil.iter_modules(package.__path__, "vizsla."):
        if room.ispkg and importlib.util.find_spec(f"{room.name}.tables"):
            importlib.import_module(f"{room.name}.tables")
    return (app_metadata if which == "app" else index_metadata).sorted_tables
