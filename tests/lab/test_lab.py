"""The lab's own reckoning: what is true of its addresses, and what an answer is worth. Its daemons have no part in this."""

from collections import Counter

import msgspec
from lab.correspondents import KINDS, kind_of
from lab.finding import Findings, Found, Looked, Wait, show
from lab.outreach import Ended, Outreach
from lab.roster import CROWDED, EVERY_SITE, SITES, Case, cases, crowd, people_of
from lab.score import FEWEST_CASES, FEWEST_DOMAINS, Said, score, show_all, show_confusion
from lab.staff import COMPANIES, page_of

from lab import names, servers

RIGHT = {"grey_valid": "valid", "grey_invalid": "invalid", "full": "unknown"}


def test_the_set_is_as_large_as_the_goal_asks_and_names_nobody_twice() -> None:
    asked = cases()
    assert len(asked) >= FEWEST_CASES
    assert len({case.domain for case in asked}) >= FEWEST_DOMAINS
    assert len({case.email for case in asked}) == len(asked)


def test_every_kind_of_truth_is_asked_about_and_no_domain_stands_at_the_end_of_the_list() -> None:
    asked = cases()
    assert min(Counter(case.truth for case in asked).values()) >= 2
    assert {case.domain for case in asked[: len(SITES)]} == {site.domain for site in SITES}


def test_who_has_a_mailbox_is_valid_only_where_the_server_tells() -> None:
    truth = {case.email: case.truth for case in cases()}
    for site in SITES:
        first = f"{people_of(site)[0]}@{site.domain.encode().decode('idna')}"
        if site.takes_no_mail:
            assert truth[first] == "invalid"
        elif site.behaviour == "silent":
            assert truth[first] == "unknown"
        elif site.behaviour == "anybody" and site.kind == "business":
            assert truth[first] == "accept_all"


def test_everybody_in_the_crowd_has_a_mailbox() -> None:
    assert {case.truth for case in crowd()} == {"valid"}
    assert len(crowd()) == sum(site.people for site in CROWDED)


def test_a_program_that_is_right_meets_the_goal() -> None:
    asked = cases()
    own = score("right", asked, {case.email: Said(RIGHT.get(case.truth, case.truth), 1.0) for case in asked}, 10)
    assert own.misses() == []
    assert (own.right, own.false_invalid, own.false_valid, own.in_time) == (1.0, 0, 0, len(asked))
    assert own.greylisted[0] == own.greylisted[1] > 0
    assert own.blocked[0] == own.blocked[1] > 0


def test_what_is_not_known_is_neither_false_nor_settled() -> None:
    asked = cases()
    own = score("silent", asked, {}, 10)
    assert (own.false_invalid, own.false_valid) == (0, 0)
    assert own.greylisted[0] == 0
    assert len(own.misses()) == 2


def test_a_false_answer_is_counted_by_what_it_costs() -> None:
    asked = [
        Case("a@x.test", "valid", "x.test"),
        Case("b@x.test", "invalid", "x.test"),
        Case("c@y.test", "unknown", "y.test", blocks=True),
        Case("d@z.test", "grey_valid", "z.test"),
        Case("e@z.test", "accept_all", "z.test"),
        Case("f@z.test", "full", "z.test"),
    ]
    statuses = ["invalid", "valid", "invalid", "unknown", "valid", "invalid"]
    own = score("p", asked, {case.email: Said(status) for case, status in zip(asked, statuses, strict=True)}, 1)
    assert (own.false_invalid, own.false_valid) == (3, 2)
    assert (own.blocked, own.greylisted, own.accept_all) == ((0, 1), (0, 1), (0, 1))
    assert own.in_time is None
    assert [case.email[0] for case, _ in own.wrong] == ["a", "b", "c", "e", "f"]
    assert "f@z.test" not in show_confusion(own)
    assert "p" in show_all([own])


def test_every_address_that_a_zone_names_is_listened_at() -> None:
    zone = names.write_zone()
    for site in EVERY_SITE:
        if site.server:
            assert f" {site.ip}\n" in zone
    assert all(site.ip in servers.exim_listens() for site in servers.sites_of("exim"))


def test_nobody_at_a_company_has_the_address_of_another() -> None:
    for company in COMPANIES:
        assert len(set(company.mailboxes)) == len(company.mailboxes) == 10
        assert [person.made for person in company.others].count("alike") == 1
        assert {person.made for person in company.colleagues} == {"alike"}
        page = page_of(company.domain, company.colleagues).decode()
        assert all(person.email in page for person in company.colleagues)
        assert not any(person.email in page for person in company.others)


def test_a_finder_that_finds_and_waits_no_longer_keeps_its_promises() -> None:
    assert findings().misses() == []
    assert "25" in show(findings())


def test_every_broken_promise_is_told() -> None:
    other, nobody, theirs = Found("x@x.test", 60, "valid", 1.0), Found(None, None, None, 1.0), findings().offices
    common = next(one for one in theirs if one.person.made == "common")
    found = Found(common.person.email, 97, "valid", 1.0)
    stranger = findings().take_all[0]

    assert broken(offices=[msgspec.structs.replace(one, asking=nobody) for one in theirs]) == 2
    assert broken(offices=[*theirs, msgspec.structs.replace(common, silent=found)]) == 1
    assert broken(take_all=[msgspec.structs.replace(stranger, asking=Found(stranger.silent.email, 61, None, 1.0))]) == 1
    assert broken(tell_nothing=[msgspec.structs.replace(stranger, asking=other)]) == 1
    assert broken(tell_nothing=[msgspec.structs.replace(stranger, asking=Found(None, None, None, 1.0, "500"))]) == 1
    assert broken(waits=[Wait(3, 100, 3.51, ())]) == 1
    assert broken(waits=[Wait(3, 100, 3.51, ())], is_timed=False) == 0
    assert broken(waits=[Wait(3, 100, 2.0, ("429",))]) == 1


def findings() -> Findings:
    """What a finder says that can do all it should."""
    offices = [person for company in COMPANIES for person in company.others]
    by_pattern = Found("by.pattern@x.test", 60, None, 1.0)
    stranger = Looked(offices[1], by_pattern, by_pattern)
    return Findings(
        [
            Looked(
                person,
                Found(person.email, 97, "valid", 1.0),
                Found(person.email if person.made == "alike" else "else@x.test", 90, None, 1.0),
            )
            for person in offices
        ],
        [stranger],
        [stranger],
        [Wait(3, 100, 3.4, ()), Wait(10, 100, 10.4, ())],
    )


def broken(*, is_timed: bool = True, **changes: object) -> int:
    return len(msgspec.structs.replace(findings(), **changes).misses(is_timed=is_timed))


def ended(**others: str) -> list[Ended]:
    return [
        Ended(address, others.get(kind.name, kind.status), kind.messages)
        for kind in KINDS
        for address in kind.addresses
    ]


def test_a_campaign_is_judged_by_each_recipient() -> None:
    right = Outreach(ended(), 0, [], [], {}, 75, 100.0)
    assert len(right.ended) == 500
    assert right.misses() == []
    assert all(kind_of(one.email).domain == one.email.partition("@")[2] for one in right.ended)
    assert len(msgspec.structs.replace(right, ended=ended(absent="replied")).misses()) == 1
    assert len(msgspec.structs.replace(right, twice=1).misses()) == 1
    fewer = [Ended(one.email, one.status, 0) if one.email == "silent0@people.test" else one for one in right.ended]
    assert len(msgspec.structs.replace(right, ended=fewer).misses()) == 1
    assert len(msgspec.structs.replace(right, ended=right.ended[1:]).misses()) == 1
