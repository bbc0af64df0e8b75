"""How many addresses do we know at this domain, and of whom?"""

from collections import Counter

import msgspec

from vizsla.index.company_names import find_domain
from vizsla.index.search import DOMAIN_COLUMNS, find_domain_row, list_breakdown
from vizsla.kit.mail_hosts import is_disposable, is_webmail
from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database

_N_EMAILS = DOMAIN_COLUMNS.index("n_emails")


class DepartmentCounts(msgspec.Struct, frozen=True):
    """Every department, always."""

    executive: int = 0
    it: int = 0
    finance: int = 0
    management: int = 0
    sales: int = 0
    legal: int = 0
    support: int = 0
    hr: int = 0
    marketing: int = 0
    communication: int = 0
    education: int = 0
    design: int = 0
    health: int = 0
    operations: int = 0


class SeniorityCounts(msgspec.Struct, frozen=True):
    """Every seniority, always."""

    junior: int = 0
    senior: int = 0
    executive: int = 0


class CountResult(msgspec.Struct, frozen=True):
    """The `data` of an e-mail count."""

    total: int = 0
    personal_emails: int = 0
    generic_emails: int = 0
    department: DepartmentCounts = DepartmentCounts()
    seniority: SeniorityCounts = SeniorityCounts()


async def count(
    index: Database, claims: Claims, *, domain: str | None, company: str | None = None, type: str | None = None
) -> CountResult:
    """The counts; *total* is `meta.results` of the domain search with the same filter."""
    domain = domain or (await find_domain(index, company) if company else None)
    if domain is None or is_webmail(domain) or is_disposable(domain) or claims.is_claimed(domain):
        return CountResult()
    row = await find_domain_row(index, domain)
    if row is None:
        return CountResult()
    types: Counter[str] = Counter()
    departments: Counter[str] = Counter()
    seniorities: Counter[str] = Counter()
    for local, kind, seniority, department, n in await list_breakdown(index, domain, n_emails=row[_N_EMAILS]):
        if type not in (None, kind) or (local is not None and claims.is_claimed(domain, local)):
            continue
        types[kind] += n
        departments[department or ""] += n
        seniorities[seniority or ""] += n
    return CountResult(
        types.total(),
        types["personal"],
        types["generic"],
        DepartmentCounts(*(departments[name] for name in DepartmentCounts.__struct_fields__)),
        SeniorityCounts(*(seniorities[name] for name in SeniorityCounts.__struct_fields__)),
    )
