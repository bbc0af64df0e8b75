"""What is asked of the finder, what it works with, and what an answer rests on."""

from collections.abc import Awaitable, Callable

import msgspec

from vizsla.finder.beliefs import Belief, Calibration
from vizsla.finder.likelihoods import Answered, Likelihoods
from vizsla.finder.probing import Prober
from vizsla.kit.errors import InvalidDomain
from vizsla.naming.candidates import Candidates
from vizsla.naming.model import Posterior
from vizsla.naming.names import PersonName
from vizsla.privacy.claims import Claims
from vizsla.storage.open import Stores
from vizsla.verifier.exchangers import Exchangers

FindExchangers = Callable[[str], Awaitable[Exchangers]]


class FinderQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Who is looked for, and where; values are valid when they come here."""

    name: PersonName | None = None
    domain: str | None = None
    """As `kit.domain_name.parse_domain` writes it; wins over *company*."""
    company: str | None = None
    linkedin: str | None = None
    """A handle; instead of all of these."""
    max_duration: float = 10.0


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What the finder works with."""

    stores: Stores
    claims: Claims
    prober: Prober | None = None
    """None: nobody is asked, and patterns alone speak."""
    find_exchangers: FindExchangers | None = None
    """None: whether the domain takes mail is not asked."""
    likelihoods: Likelihoods = msgspec.field(default_factory=Likelihoods)
    calibrations: dict[bool, Calibration] = {}
    """By whether the domain takes mail for everybody."""


class FinderVerification(msgspec.Struct, frozen=True):
    """What was found out within the last thirty days; nulls otherwise."""

    date: str | None = None
    status: str | None = None


class EmailFinderData(msgspec.Struct, frozen=True):
    """The `data` of an answer; without an address, `email` and `score` are null."""

    first_name: str | None
    last_name: str | None
    email: str | None
    score: int | None
    domain: str | None
    accept_all: bool
    position: str | None
    twitter: str | None
    linkedin_url: str | None
    phone_number: str | None
    company: str | None
    sources: msgspec.Raw
    """A JSON array of at most twenty `{domain, uri, extracted_on, last_seen_on, still_on_page}`."""
    verification: FinderVerification


class Term(msgspec.Struct, frozen=True):
    """One thing that moved the probability of an address."""

    what: str
    local: str | None
    probability: float
    """Of that address, after it."""
    why: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An answer and all that it rests on."""

    data: EmailFinderData
    name: PersonName | None = None
    posterior: Posterior | None = None
    candidates: Candidates | None = None
    """By the pattern, before anything else spoke."""
    ranked: tuple[Belief, ...] = ()
    """After all that spoke."""
    terms: tuple[Term, ...] = ()
    answered: tuple[Answered, ...] = ()
    """What mail servers said while this was found out."""
    provider: str = ""


class DomainOwnerAskedUsToStop(InvalidDomain):
    """The owner of this domain has asked us to stop the processing of the associated data."""


class DomainTakesNoMail(InvalidDomain):
    """The supplied domain has no MX record: nobody gets mail there."""
