"""
Which address does this person have at this domain, and how probable is it?

An address that was seen with the person's name is the answer. Otherwise the domain's habits make candidates, pages and mail
servers move their probabilities, and the likeliest is given if it is likely enough. Every step is kept, so that the answer can
be explained.
"""

import asyncio

import msgspec

from vizsla.finder.beliefs import FLOOR, Belief, Beliefs, Likelihood, score, updated
from vizsla.finder.finding import (
    DomainOwnerAskedUsToStop,
    DomainTakesNoMail,
    EmailFinderData,
    FinderQuery,
    FinderVerification,
    Finding,
    Means,
    Term,
)
from vizsla.finder.likelihoods import Answered
from vizsla.finder.namesakes import index_spellings, whose_is
from vizsla.finder.probing import Probed
from vizsla.index.company_names import find_domain
from vizsla.index.confidence import confidence
from vizsla.index.persons import PERSON_COLUMNS, find_posterior, list_at, list_by_linkedin, list_namesakes
from vizsla.index.search import DOMAIN_COLUMNS, find_domain_row
from vizsla.kit.clock import DAY, day
from vizsla.kit.domain_name import RESERVED_SUFFIXES, registrable_domain
from vizsla.kit.errors import ClaimedEmail
from vizsla.kit.mail_hosts import is_disposable, is_webmail
from vizsla.naming.candidates import Candidates, list_candidates
from vizsla.naming.model import Posterior
from vizsla.naming.names import PersonName
from vizsla.storage.database import Row
from vizsla.verifier.memo import find_memo
from vizsla.verifier.providers import find_provider

MOST_PROBES = 5
"""Candidates that a mail server is asked about: five hold 72 of a hundred right addresses, ten 77 (measured)."""
_LOOKED_UP = 40
"""Candidates that are looked for in the index."""
_RECALLED = 10
_DNS_SECONDS = 3.0
_SPARE = 0.15
"""Seconds kept back for putting the answer together."""
_NONE = msgspec.Raw(b"[]")
_VERIFICATION_LASTS = 30 * DAY
# Seen on a page, without a name: half of all addresses that exist may be somewhere, and two of a hundred candidates are
# somebody else's. A guess.
_SEEN = Likelihood(0.5, 0.02)
_AT = {name: at for at, name in enumerate(PERSON_COLUMNS)}
_OF_DOMAIN = {name: at for at, name in enumerate(DOMAIN_COLUMNS)}


async def find_email(means: Means, query: FinderQuery, *, now: int) -> Finding:
    """The answer to *query*, at most *max_duration* seconds later. Raises InvalidDomain, ClaimedEmail."""
    until = asyncio.get_running_loop().time() + query.max_duration
    if query.linkedin is not None:
        return await _find_profile(means, query.linkedin, now)
    assert query.name is not None
    index = means.stores.search
    domain = query.domain or (await find_domain(index, query.company) if query.company else None)
    if domain is None:
        return Finding(data=_nobody(query.name, None), name=query.name)
    if means.claims.is_claimed(domain):
        raise DomainOwnerAskedUsToStop
    search = _Search(means, query.name, domain, until, now)
    return await search.run()


async def _find_profile(means: Means, handle: str, now: int) -> Finding:
    for row in await list_by_linkedin(means.stores.search, handle):
        domain, local = row[_AT["domain"]], row[_AT["local"]]
        if means.claims.is_claimed(domain, local):
            raise ClaimedEmail
        name = PersonName(row[_AT["first_name"]] or "", row[_AT["last_name"]] or "")
        search = _Search(means, name, domain, 0.0, now)
        await search.read_domain()
        return search.known(row)
    return Finding(data=_nobody(None, None))


class _Search:
    """One search at one domain, step by step."""

    def __init__(self, means: Means, name: PersonName, domain: str, until: float, now: int) -> None:
        self._means = means
        self._name = name
        self._domain = domain
        self._until = until
        self._now = now
        self._terms: list[Term] = []
        self._answered: list[Answered] = []
        self._provider = ""
        self._row: Row | None = None
        self._company: str | None = None
        self._accept_all: bool | None = None
        self._accept_all_at: int | None = None
        self._takes_all_now = False
        """Whether that was found out lately enough to ask nobody."""
        self._probed: dict[str, Probed] = {}
        self._seen: dict[str, Row] = {}

    async def run(self) -> Finding:
        await self.read_domain()
        firsts, lasts = index_spellings(self._name, self._domain)
        namesakes = self._unclaimed(await list_namesakes(self._means.stores.search, self._domain, firsts, lasts))
        theirs = [row for row in namesakes if self._whose(row) == "theirs" and _status(row) != "invalid"]
        if theirs:
            return self.known(theirs[0])
        if is_webmail(self._domain) or is_disposable(self._domain):
            # Everybody chooses an address there: no habit makes it.
            self._note("webmail", None, 0.0, "People choose their own address at this provider; nothing is guessed.")
            return self._finding(None, None, ())
        await self._check_mail()
        posterior = await find_posterior(self._means.stores.search, self._domain)
        found = list_candidates(self._name, posterior)
        if found.ranked and self._means.claims.is_address_claimed(self._domain, found.ranked[0].local):
            raise ClaimedEmail
        out, theirs_after_all = await self._look_up([one.local for one in found.ranked])
        if theirs_after_all is not None:
            return self.known(theirs_after_all)
        found = list_candidates(self._name, posterior, excluded=out)
        calibration = self._means.calibrations.get(bool(self._accept_all))
        beliefs = Beliefs(found.ranked, calibration)
        self._note_start(found, beliefs, posterior)
        self._take_in_pages(beliefs)
        await self._take_in_servers(beliefs)
        return self._finding(posterior, found, tuple(beliefs.ranked()))

    def _unclaimed(self, rows: list[Row]) -> list[Row]:
        """What was claimed a moment ago the index may not have forgotten yet, a replica of it least of all."""
        claims = self._means.claims
        if not claims.has_addresses:
            return rows
        return [row for row in rows if not claims.is_address_claimed(self._domain, row[_AT["local"]])]

    async def read_domain(self) -> None:
        """What is known of the domain as a whole."""
        index, app = self._means.stores.search, self._means.stores.app
        self._row = await find_domain_row(index, self._domain)
        owner = registrable_domain(self._domain)
        profile = self._row
        if owner is not None and owner != self._domain and not self._means.claims.is_claimed(owner):
            profile = await find_domain_row(index, owner)
        self._company = profile[_OF_DOMAIN["organization"]] if profile else None
        memo = await find_memo(app, self._domain, self._now)
        if memo is not None and memo.accept_all != "inconclusive":
            self._accept_all, self._accept_all_at = memo.truth, memo.at
            self._takes_all_now = memo.truth is True
        elif self._row is not None and self._row[_OF_DOMAIN["accept_all"]] is not None:
            self._accept_all = bool(self._row[_OF_DOMAIN["accept_all"]])

    def known(self, row: Row) -> Finding:
        """The answer for an address that was seen with the person's name."""
        local, certain = row[_AT["local"]], row[_AT["certainty"]]
        self._seen[local] = row
        probability = row[_AT["confidence"]] / 100
        self._note(
            "known", local, probability, "This address was seen with this person's name; the score is its confidence."
        )
        if confidence(certain) != row[_AT["confidence"]]:
            self._note(
                "fit", local, probability, "Moved by how well it fits the way in which the domain makes addresses."
            )
        data = self._data(local, row[_AT["confidence"]])
        return Finding(data=data, name=self._name, terms=tuple(self._terms), provider=self._provider)

    async def _check_mail(self) -> None:
        """Raises DomainTakesNoMail if DNS says so; what DNS cannot tell is let pass."""
        if self._means.find_exchangers is None:
            return
        try:
            async with asyncio.timeout(min(_DNS_SECONDS, max(0.1, self._left()))):
                exchangers = await self._means.find_exchangers(self._domain)
        except TimeoutError:
            return
        if exchangers.is_undeliverable and not self._is_made_up():
            raise DomainTakesNoMail
        provider = find_provider(exchangers.names[0]) if exchangers.names else None
        self._provider = provider.name if provider else ""

    def _is_made_up(self) -> bool:
        """Whether it is one of the names for examples, and known: the sample's companies are in nobody's DNS."""
        return self._domain.rpartition(".")[2] in RESERVED_SUFFIXES and self._row is not None

    async def _look_up(self, locals_: list[str]) -> tuple[frozenset[str], Row | None]:
        """
        Candidates that are out: other people's, claimed ones; and the person's row, if the name was only spelled otherwise.

        Those that were seen without a name are remembered.
        """
        claims = self._means.claims
        out = {local for local in locals_ if claims.has_addresses and claims.is_address_claimed(self._domain, local)}
        for row in self._unclaimed(await list_at(self._means.stores.search, self._domain, locals_[:_LOOKED_UP])):
            local = row[_AT["local"]]
            whose = self._whose(row)
            if whose == "theirs" and _status(row) != "invalid":
                return frozenset(), row
            if _status(row) == "invalid":
                out.add(local)
                self._note("invalid", local, 0.0, _WHY["invalid"])
            elif row[_AT["type"]] == "generic" or whose == "another's":
                out.add(local)
                self._note("another's", local, 0.0, "This address is known, and is somebody else's.")
            else:
                self._seen[local] = row
        return frozenset(out), None

    def _take_in_pages(self, beliefs: Beliefs) -> None:
        for local, row in sorted(self._seen.items()):
            certain = float(row[_AT["certainty"]])
            ratio = 1 + (_SEEN.if_right / _SEEN.if_wrong - 1) * certain
            beliefs.observe(local, Likelihood(_SEEN.if_wrong * ratio, _SEEN.if_wrong))
            self._note("seen", local, beliefs.probability(local), "It was seen on the web, without a name.")

    async def _take_in_servers(self, beliefs: Beliefs) -> None:
        prober = self._means.prober
        if prober is None:
            return
        for belief in beliefs.ranked()[:_RECALLED]:
            probed = await prober.recall(self._domain, belief.candidate.local)
            if probed is not None:
                self._take_in(beliefs, belief.candidate.local, probed, fresh=False)
        if self._is_settled() or self._takes_all_now:
            return
        for _ in range(MOST_PROBES):
            untried = [one for one in beliefs.ranked() if one.candidate.local not in self._probed]
            if not untried or self._left() <= 0 or not self._is_worth_asking(untried[0].probability):
                return
            local = untried[0].candidate.local
            probed = await prober.probe(self._domain, local, self._left())
            if probed is None:
                self._note(
                    "unanswered", local, beliefs.probability(local), "No word from the mail server in this time."
                )
                return
            self._take_in(beliefs, local, probed, fresh=True)
            if self._is_settled():
                return

    def _take_in(self, beliefs: Beliefs, local: str, probed: Probed, *, fresh: bool) -> None:
        self._probed[local] = probed
        if probed.verdict.reason in ("no_domain", "no_mail_server", "null_mx") and not self._is_made_up():
            raise DomainTakesNoMail
        outcome = probed.outcome
        if outcome == "accept_all":
            self._accept_all, self._accept_all_at = True, probed.at
        elif outcome in ("valid", "invalid"):
            self._accept_all = False
            provider = probed.verdict.provider or self._provider
            beliefs.observe(local, self._means.likelihoods.of(provider, outcome))
            if fresh:
                self._answered.append(Answered(provider, outcome, beliefs.probability(local)))
        self._note(outcome, local, beliefs.probability(local), _WHY.get(outcome, "The mail server told nothing of it."))

    def _is_worth_asking(self, probability: float) -> bool:
        """Whether a candidate would be given if its mail server took it: nobody's server is asked for less."""
        valid = self._means.likelihoods.of(self._provider, "valid")
        return updated(probability, valid) >= FLOOR

    def _is_settled(self) -> bool:
        """Whether asking on would tell nothing: one was accepted, or this server does not tell."""
        outcomes = {probed.outcome for probed in self._probed.values()}
        return bool(outcomes - {"invalid"})

    def _is_refused(self, local: str) -> bool:
        """Whether its mail server takes nothing for it. It may be theirs all the same; nobody can write to it."""
        return local in self._probed and self._probed[local].outcome == "invalid"

    def _left(self) -> float:
        return self._until - asyncio.get_running_loop().time() - _SPARE

    def _whose(self, row: Row) -> str:
        return whose_is(row[_AT["first_name"]], row[_AT["last_name"]], self._name, self._domain)

    def _note(self, what: str, local: str | None, probability: float, why: str) -> None:
        self._terms.append(Term(what, local, round(probability, 4), why))

    def _note_start(self, found: Candidates, beliefs: Beliefs, posterior: Posterior) -> None:
        if not found.ranked:
            return
        first = found.ranked[0]
        known = round(posterior.evidence, 1)
        why = (
            f"How this domain makes addresses, after evidence worth {known} addresses of it."
            if known
            else "Nothing is known of how this domain makes addresses: how others like it do."
        )
        self._note("pattern", first.local, first.probability, why)
        if (corrected := beliefs.probability(first.local)) != first.probability:
            self._note("calibration", first.local, corrected, "Corrected by what came of earlier answers.")

    def _finding(self, posterior: Posterior | None, found: Candidates | None, ranked: tuple[Belief, ...]) -> Finding:
        data = _nobody(self._name, self._domain, accept_all=bool(self._accept_all), company=self._company)
        first = next((belief for belief in ranked if not self._is_refused(belief.candidate.local)), None)
        if first is not None:
            local, probability = first.candidate.local, first.probability
            probed = self._probed.get(local)
            is_confirmed = local in self._seen or (probed is not None and probed.outcome == "valid")
            percent = score(probability, is_confirmed=is_confirmed)
            if percent is None:
                self._note(
                    "floor", local, probability, "Too improbable to be given: nine in ten such answers would be wrong."
                )
            else:
                data = self._data(local, percent)
                if round(100 * probability) > percent:
                    self._note("cap", local, percent / 100, "A pattern by itself is never surer than this.")
        return Finding(
            data=data,
            name=self._name,
            posterior=posterior,
            candidates=found,
            ranked=ranked,
            terms=tuple(self._terms),
            answered=tuple(self._answered),
            provider=self._provider,
        )

    def _data(self, local: str, percent: int) -> EmailFinderData:
        row = self._seen.get(local)

        def of(column: str) -> str | None:
            return row[_AT[column]] if row is not None else None

        handle = of("linkedin")
        return EmailFinderData(
            first_name=self._name.first or None,
            last_name=self._name.last or None,
            email=f"{local}@{self._domain}",
            score=percent,
            domain=self._domain,
            accept_all=bool(self._accept_all),
            position=of("position"),
            twitter=of("twitter"),
            linkedin_url=f"https://www.linkedin.com/in/{handle}" if handle else None,
            phone_number=of("phone_number"),
            company=self._company,
            sources=msgspec.Raw(row[_AT["sources"]]) if row is not None else _NONE,
            verification=self._verification(local, row),
        )

    def _verification(self, local: str, row: Row | None) -> FinderVerification:
        if (probed := self._probed.get(local)) is not None:
            return FinderVerification(day(probed.at), probed.verdict.status)
        at = row[_AT["verified_at"]] if row is not None else None
        if row is not None and at is not None and at >= self._now - _VERIFICATION_LASTS:
            return FinderVerification(day(at), _status(row))
        if self._accept_all and self._accept_all_at is not None:
            return FinderVerification(day(self._accept_all_at), "accept_all")
        return FinderVerification()


_WHY = {
    "valid": "The mail server takes mail for it, and refuses others.",
    "invalid": "The mail server says that there is no such mailbox.",
    "accept_all": "The mail server takes mail for any address of the domain, which says nothing of this one.",
}


def _status(row: Row) -> str | None:
    return row[_AT["verification_status"]]  # type: ignore[no-any-return]


def _nobody(
    name: PersonName | None, domain: str | None, *, accept_all: bool = False, company: str | None = None
) -> EmailFinderData:
    return EmailFinderData(
        first_name=name.first if name else None,
        last_name=name.last if name else None,
        email=None,
        score=None,
        domain=domain,
        accept_all=accept_all,
        position=None,
        twitter=None,
        linkedin_url=None,
        phone_number=None,
        company=company,
        sources=_NONE,
        verification=FinderVerification(),
    )
