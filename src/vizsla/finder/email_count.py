"""How many addresses do we know at this domain, and of whom?"""

import msgspec

from vizsla.privacy.claims import Claims
from vizsla.storage.database import Database


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
    raise NotImplementedError
