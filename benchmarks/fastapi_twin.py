"""
The domain search as many would write it: FastAPI, pydantic models in and out, the same SQL on the same stores.

It looks the key up (in memory after the first time) and validates every parameter; it has no rate limits, no quota, no
Idempotency-Key and no log, which Vizsla's answer has. It runs on the same uvicorn, uvloop and httptools.
"""

import hashlib
import time
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Query
from pydantic import BaseModel, Json

from vizsla.accounts.callers import KeyRing
from vizsla.finder.domain_search import VERIFICATION_LASTS, SearchQuery, filters_of
from vizsla.index.search import DOMAIN_COLUMNS, PAGE_COLUMNS, count_addresses, find_domain_row, list_page
from vizsla.kit.clock import day
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.settings import Settings
from vizsla.storage.open import Stores

Seniority = Literal["junior", "senior", "executive"]
Department = Literal[
    "executive", "it", "finance", "management", "sales", "legal", "support",
    "hr", "marketing", "communication", "education", "design", "health", "operations",
]  # fmt: skip
RequiredField = Literal["full_name", "position", "phone_number"]


class Source(BaseModel):
    domain: str
    uri: str
    extracted_on: str
    last_seen_on: str
    still_on_page: bool


class Verification(BaseModel):
    date: str | None = None
    status: str | None = None


class Email(BaseModel):
    value: str
    type: str
    confidence: int
    sources: Json[list[Source]] | list[Source]
    first_name: str | None
    last_name: str | None
    position: str | None
    position_raw: str | None
    seniority: str | None
    department: str | None
    linkedin: str | None
    twitter: str | None
    phone_number: str | None
    verification: Verification


class Data(BaseModel):
    domain: str
    disposable: bool = False
    webmail: bool = False
    accept_all: bool = False
    pattern: str | None = None
    organization: str | None = None
    description: str | None = None
    industry: str | None = None
    twitter: str | None = None
    facebook: str | None = None
    linkedin: str | None = None
    instagram: str | None = None
    youtube: str | None = None
    technologies: Json[list[str]] | list[str] = []
    country: str | None = None
    state: str | None = None
    city: str | None = None
    postal_code: str | None = None
    street: str | None = None
    headcount: str | None = None
    company_type: str | None = None
    emails: list[Email] = []
    linked_domains: Json[list[str]] | list[str] = []


class AskedFor(BaseModel):
    domain: str | None
    company: str | None
    type: str | None
    seniority: str | None
    department: str | None


class Meta(BaseModel):
    results: int
    limit: int
    offset: int
    params: AskedFor


class Answer(BaseModel):
    data: Data
    meta: Meta


def make_twin(settings: Settings, stores: Stores) -> FastAPI:
    """The app on open stores."""
    app = FastAPI(title="Twin")
    ring = KeyRing(stores.app, settings)
    known: dict[str, int] = {}

    async def authenticate(
        x_api_key: Annotated[str | None, Header()] = None, api_key: Annotated[str | None, Query()] = None
    ) -> int:
        key = x_api_key or api_key or ""
        digest = hashlib.sha256(key.encode()).hexdigest()
        if digest not in known:
            caller = await ring.find(key)
            if caller is None:
                raise HTTPException(401, "No user found for the API key supplied")
            known[digest] = caller.account_id
        return known[digest]

    @app.get("/v2/domain-search")
    async def search(  # noqa: PLR0917
        account_id: Annotated[int, Depends(authenticate)],
        domain: Annotated[str, Query(max_length=2_048)],
        company: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 10,
        offset: Annotated[int, Query(ge=0)] = 0,
        type: Literal["personal", "generic"] | None = None,
        seniority: Annotated[list[Seniority], Query()] = [],  # noqa: B006
        department: Annotated[list[Department], Query()] = [],  # noqa: B006
        required_field: Annotated[list[RequiredField], Query()] = [],  # noqa: B006
    ) -> Answer:
        name = parse_domain(domain)
        now = int(time.time())
        query = SearchQuery(
            domain=name,
            limit=limit,
            offset=offset,
            type=type,
            seniority=tuple(seniority),
            department=tuple(department),
            required_field=tuple(required_field),
        )
        asked = AskedFor(
            domain=domain,
            company=company,
            type=type,
            seniority=",".join(seniority) or None,
            department=",".join(department) or None,
        )
        row = await find_domain_row(stores.index, name)
        if row is None:
            return Answer(data=Data(domain=name), meta=Meta(results=0, limit=limit, offset=offset, params=asked))
        profile = dict(zip(DOMAIN_COLUMNS, row, strict=True))
        filters = filters_of(query, now)
        total = await count_addresses(stores.index, name, filters, n_emails=profile["n_emails"])
        rows = await list_page(
            stores.index, name, filters, n_emails=profile["n_emails"], total=total, limit=limit, offset=offset
        )
        emails = []
        for one in rows:
            email = dict(zip(PAGE_COLUMNS, one, strict=True))
            checked = email["verified_at"] is not None and email["verified_at"] >= now - VERIFICATION_LASTS
            verification = (
                Verification(date=day(email["verified_at"]), status=email["verification_status"])
                if checked
                else Verification()
            )
            emails.append(Email(value=f"{email['local']}@{name}", verification=verification, **email))
        data = Data(**profile | {"accept_all": bool(profile["accept_all"]), "emails": emails})
        return Answer(data=data, meta=Meta(results=total, limit=limit, offset=offset, params=asked))

    return app
