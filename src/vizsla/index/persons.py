"""
Who is known at a domain, and what is believed of how it makes addresses?

What the finder reads: a domain's clues, and the rows of addresses that may be one person's. Bounded reads, all of them.
"""

from collections.abc import Collection
from functools import lru_cache

from vizsla.index.addresses import FULL_NAME
from vizsla.index.habits import MOST_NAMED, MOST_NAMELESS, Known, dump_clues, load_clues, read_habits
from vizsla.index.search import PAGE_COLUMNS
from vizsla.naming.model import Posterior, infer_posterior
from vizsla.naming.prior import Prior, load_prior
from vizsla.storage.database import Reader, Row
from vizsla.storage.statement import statement

PERSON_COLUMNS = ("domain", *PAGE_COLUMNS, "certainty")
_COLUMNS = ", ".join(f"email.{name}" for name in PERSON_COLUMNS)
_MOST_NAMESAKES = 20
_CLUES = statement("SELECT version, clues FROM domain_pattern WHERE domain = :domain")
_SUREST = statement(f"""
    SELECT local, first_name, last_name, certainty, verification_status FROM email
    WHERE domain = :domain AND type = 'personal' AND (fields & {FULL_NAME}) = :named ORDER BY rank, local LIMIT :most
""")  # noqa: S608
# The list first: SQLite would rather walk the whole domain in order than sort a few rows.
_BY_NAME_TEXT = f"""
    SELECT {_COLUMNS} FROM :lasts[text] AS l{{columns}} CROSS JOIN :firsts[text] AS f{{columns}} CROSS JOIN email
    WHERE email.domain = :domain AND email.last_name = l.value AND email.first_name = f.value
    ORDER BY email.rank, email.local LIMIT :most"""  # noqa: S608
_BY_NAME = statement(_BY_NAME_TEXT.format(columns=""), postgresql=_BY_NAME_TEXT.format(columns="(value)"))
_BY_LOCAL = statement(f"SELECT {_COLUMNS} FROM email WHERE domain = :domain AND local IN :locals[text]")  # noqa: S608
_BY_LINKEDIN = statement(f"""
    SELECT {_COLUMNS} FROM email WHERE linkedin IN :handles[text] ORDER BY rank, domain, local LIMIT :most
""")  # noqa: S608
_EXAMPLES = statement(f"""
    SELECT local, first_name, last_name, confidence FROM email
    WHERE domain = :domain AND type = 'personal' AND (fields & {FULL_NAME}) = {FULL_NAME} ORDER BY rank, local LIMIT :most
""")  # noqa: S608


async def find_posterior(reader: Reader, domain: str) -> Posterior:
    """What is believed of *domain*; the prior for one that is not known."""
    prior = load_prior()
    row = await reader.fetch_one(_CLUES, {"domain": domain})
    if row is None:
        return _infer("[]", domain, prior)
    if row[0] != prior.version:
        # Clues number the templates of another prior; the rows are made anew within a week, this is read from addresses now.
        return _infer(await _read_clues(reader, domain, prior), domain, prior)
    return _infer(row[1], domain, prior)


async def _read_clues(reader: Reader, domain: str, prior: Prior) -> str:
    found = []
    for named, most in ((FULL_NAME, MOST_NAMED), (0, MOST_NAMELESS)):
        found += await reader.fetch_all(_SUREST, {"domain": domain, "named": named, "most": most})
    return dump_clues(read_habits(domain, (Known(*row) for row in found), prior).counts)


@lru_cache(4_096)
def _infer(clues: str, domain: str, prior: Prior) -> Posterior:
    return infer_posterior(load_clues(clues), domain, prior)


async def list_namesakes(
    reader: Reader, domain: str, first_names: Collection[str], last_names: Collection[str]
) -> list[Row]:
    """`PERSON_COLUMNS` of addresses whose owner has one of these first and last names, spelled just so; the surest first."""
    names = {"firsts": list(first_names), "lasts": list(last_names)}
    return await reader.fetch_all(_BY_NAME, {"domain": domain, "most": _MOST_NAMESAKES, **names})


async def list_at(reader: Reader, domain: str, locals_: Collection[str]) -> list[Row]:
    """`PERSON_COLUMNS` of the addresses with these local parts."""
    return await reader.fetch_all(_BY_LOCAL, {"domain": domain, "locals": list(locals_)})


async def list_by_linkedin(reader: Reader, handle: str) -> list[Row]:
    """`PERSON_COLUMNS` of the addresses whose owner has this profile, the surest first."""
    handles = list(dict.fromkeys((handle, handle.lower())))
    return await reader.fetch_all(_BY_LINKEDIN, {"handles": handles, "most": _MOST_NAMESAKES})


async def list_examples(reader: Reader, domain: str, most: int) -> list[Row]:
    """Local part, first and last name, confidence of the surest addresses with a name."""
    return await reader.fetch_all(_EXAMPLES, {"domain": domain, "most": most})
