"""The team's page: who may do what on it, whatever a form says, and what becomes of invitations."""

import re

import pytest

from vizsla.accounts.invitations import list_invitations
from vizsla.accounts.keys import create_key
from vizsla.accounts.store import Member, find_member
from vizsla.accounts.team import get_teammate, list_members
from vizsla.mail.outgoing import claim_mail
from web.conftest import SECRET, Browser, Site

MARKUP = '"><img src=x onerror="window.__xss=1"><script>window.__xss=1</script>'


async def invited(site: Site, browser: Browser, email: str, role: str = "member") -> int:
    """Invite *email*; the invitation's number."""
    answer = await browser.post("/team/invite", {"email": email, "role": role})
    assert answer.status == 303, answer.words
    waiting = await list_invitations(site.stores.app, site.members["a"].account_id, site.clock.now())
    return next(one.id for one in waiting if one.email == email)


async def mails(site: Site) -> list[tuple[str, str, str]]:
    """What was mailed: to whom, the subject, the link."""
    async with site.stores.app.write() as conn:
        found = await claim_mail(
            conn, secret=SECRET, now=site.clock.now(), until=site.clock.now() + 60, worker="w", limit=100
        )
    letters = [mail.letter for mail in found if mail.letter is not None]
    return [(one.to, one.subject, re.findall(r"http\S+", one.text)[0]) for one in letters]


async def roles(site: Site) -> dict[str, str]:
    members = await list_members(site.stores.app, site.members["a"].account_id)
    return {one.member.email: one.member.role for one in members}


async def test_an_invitation_goes_by_mail_and_lets_somebody_in_once(site: Site) -> None:
    owner = await site.person("a")
    await owner.post("/team/name", {"name": "Kestrel"})

    id_ = await invited(site, owner, "new@x.example", "admin")

    ((to, subject, link),) = await mails(site)
    assert (to, subject) == ("new@x.example", "A Person invites you to Kestrel on Vizsla")
    assert link.startswith("http://vizsla.test/invitation/")
    path = link.removeprefix("http://vizsla.test")
    page = await site.stranger().get(path)
    assert "Join Kestrel" in page.words
    joined = site.stranger()
    answer = await joined.post(path, {"password": "correct horse battery staple", "first_name": "New"})
    assert (await joined.follow(answer)).status == 200
    assert (await roles(site))["new@x.example"] == "admin"
    assert (await site.stranger().get(path)).status == 404
    assert (await owner.post(f"/team/invitations/{id_}/revoke")).status == 404


async def test_an_invitation_sent_again_replaces_the_one_before_and_a_revoked_one_is_dead(site: Site) -> None:
    owner = await site.person("a")
    first = await invited(site, owner, "new@x.example")
    assert (await owner.post(f"/team/invitations/{first}/resend")).status == 303
    (second,) = await list_invitations(site.stores.app, site.members["a"].account_id, site.clock.now())
    old, new = (link.removeprefix("http://vizsla.test") for _, _, link in await mails(site))

    assert (await site.stranger().get(old)).status == 404
    assert (await site.stranger().get(new)).status == 200
    assert (await owner.post(f"/team/invitations/{second.id}/revoke")).status == 303
    assert (await site.stranger().get(new)).status == 404


async def test_without_a_mail_server_the_manager_is_told_where_the_link_lies(site: Site) -> None:
    owner, admin = await site.person("a"), await site.as_member(await site.teammate("boss", "admin"))
    member = await site.as_member(await site.teammate("m"))

    assert str(site.house.services.settings.home / "outbox") in (await owner.get("/team")).words
    assert "Ask whoever runs this installation" in (await admin.get("/team")).words
    assert str(site.house.services.settings.home) not in (await admin.get("/team")).words
    assert "No mail is sent" not in (await member.get("/team")).words


@pytest.mark.parametrize("email", ["", "nonsense", "a@a.example", "x" * 300 + "@x.example", "a\0@x.example", "boss@b"])
async def test_an_address_that_will_not_do_is_said_on_the_page(site: Site, email: str) -> None:
    owner = await site.person("a")

    answer = await owner.post("/team/invite", {"email": email, "role": "member"})

    assert answer.status == 422
    assert 'role="alert"' in answer.text
    assert await mails(site) == []


async def test_a_role_that_is_none_changes_nothing(site: Site) -> None:
    member = await site.teammate("m")
    owner = await site.person("a")

    for role in ("", "operator", "OWNER", "is_admin"):
        assert (await owner.post("/team/invite", {"email": "x@x.example", "role": role})).status == 422
        assert (await owner.post(f"/team/members/{member.id}", {"role": role})).status == 422

    assert (await roles(site))["m@a.example"] == "member"


def posts(member: Member, invitation: int) -> list[tuple[str, dict[str, str]]]:
    """Every form of the page."""
    return [
        ("/team/name", {"name": "Mine"}),
        ("/team/invite", {"email": "eve@x.example", "role": "member"}),
        ("/team/invite", {}),
        (f"/team/invitations/{invitation}/revoke", {}),
        (f"/team/invitations/{invitation}/resend", {}),
        (f"/team/members/{member.id}", {"role": "owner", "searches": "", "verifications": ""}),
        (f"/team/members/{member.id}/remove", {}),
    ]


async def test_a_plain_member_looks_and_changes_nothing(site: Site) -> None:
    owner, member = await site.person("a"), await site.teammate("m")
    other = await site.teammate("other")
    invitation = await invited(site, owner, "new@x.example")
    browser = await site.as_member(member)
    before = await roles(site)

    page = await browser.get("/team")
    answers = [await browser.post(*post) for post in posts(other, invitation)]
    own = await browser.post(f"/team/members/{member.id}", {"role": "owner"})

    assert page.status == 200
    assert "m@a.example" in page.words
    assert "new@x.example" not in page.words
    assert "/team/invite" not in page.text
    assert [answer.status for answer in (*answers, own)] == [403] * 8
    assert await roles(site) == before
    account = site.members["a"].account_id
    assert [one.id for one in await list_invitations(site.stores.app, account, site.clock.now())] == [invitation]


async def test_an_admin_does_not_touch_owners_nor_make_one(site: Site) -> None:
    admin, member = await site.teammate("boss", "admin"), await site.teammate("m")
    owner = site.members["a"]
    browser = await site.as_member(admin)

    refused = [
        await browser.post(f"/team/members/{owner.id}", {"role": "member"}),
        await browser.post(f"/team/members/{owner.id}/remove"),
        await browser.post(f"/team/members/{admin.id}", {"role": "owner"}),
        await browser.post(f"/team/members/{member.id}", {"role": "owner"}),
        await browser.post("/team/invite", {"email": "x@x.example", "role": "owner"}),
    ]
    allowed = await browser.post(f"/team/members/{member.id}", {"role": "admin"})

    assert [answer.status for answer in refused] == [403] * 5
    assert allowed.status == 303
    assert await roles(site) == {"a@a.example": "owner", "boss@a.example": "admin", "m@a.example": "admin"}


async def test_a_stranger_finds_nobody(site: Site) -> None:
    await site.teammate("m1")
    member = await site.teammate("m2")
    invitation = await invited(site, await site.person("a"), "new@x.example")
    stranger = await site.person("b")

    for path, form in posts(member, invitation)[3:]:
        assert (await stranger.post(path, form)).status == 404, path
    for id_ in (10**18, 2**63, 10**30):
        for path in (f"/team/members/{id_}", f"/team/members/{id_}/remove", f"/team/invitations/{id_}/revoke"):
            assert (await stranger.post(path, {"role": "member"})).status == 404
    assert "m2@a.example" not in (await stranger.get("/team")).words
    assert (await roles(site))["m2@a.example"] == "member"


async def test_limits_are_set_shown_and_taken_away(site: Site) -> None:
    member = await site.teammate("m")
    owner = await site.person("a")
    form = {"role": "member", "searches": "1,500", "verifications": ""}

    page = await owner.follow(await owner.post(f"/team/members/{member.id}", form))

    assert "0 of 1,500" in page.words
    set_ = await get_teammate(site.stores.app, member.account_id, member.id)
    assert (set_.limit_searches, set_.limit_verifications) == (1_500, None)
    assert "1,500 searches" in (await (await site.as_member(member)).get("/plan")).words
    for wrong in ("-1", "many", "1e9", "9" * 30, "\u00b2"):
        answer = await owner.post(f"/team/members/{member.id}", form | {"searches": wrong})
        assert answer.status == 422
    assert (await get_teammate(site.stores.app, member.account_id, member.id)).limit_searches == 1_500
    await owner.post(f"/team/members/{member.id}", form | {"searches": ""})
    assert (await get_teammate(site.stores.app, member.account_id, member.id)).limit_searches is None


async def test_who_is_removed_is_out_at_once(site: Site) -> None:
    member = await site.teammate("m")
    theirs = await site.as_member(member)
    async with site.stores.app.write() as conn:
        key = await create_key(conn, member.account_id, "theirs", now=site.clock.now(), member_id=member.id)
    assert await site.house.services.keys.find(key.plaintext) is not None

    answer = await (await site.person("a")).post(f"/team/members/{member.id}/remove")

    assert answer.status == 303
    assert (await theirs.get("/team")).header("location").startswith("/login")
    assert await site.house.services.keys.find(key.plaintext) is None


async def test_somebody_leaves_but_not_the_last_owner(site: Site) -> None:
    member, owner = await site.teammate("m"), site.members["a"]
    theirs, mine = await site.as_member(member), await site.person("a")

    left = await theirs.post(f"/team/members/{member.id}/remove")
    stays = await mine.post(f"/team/members/{owner.id}/remove")
    degraded = await mine.post(f"/team/members/{owner.id}", {"role": "member"})

    assert left.header("location") == "/login"
    assert "vizsla_session" not in theirs.cookies
    assert (stays.status, degraded.status) == (422, 422)
    assert "needs an owner" in stays.words
    assert await find_member(site.stores.app, owner.account_id, owner.id) == owner
    assert await roles(site) == {"a@a.example": "owner"}


async def test_names_with_markup_are_text(site: Site) -> None:
    owner = await site.person("a")
    await owner.post("/settings/profile", {"first_name": MARKUP})
    await owner.post("/team/name", {"name": MARKUP})
    await invited(site, owner, "new@x.example")

    refused = await owner.post("/team/invite", {"email": MARKUP, "role": "member"})
    for page in (refused, await owner.get("/team"), await owner.get("/plan"), await owner.get("/")):
        assert "<img src=x" not in page.text
        assert "<script>window" not in page.text
    ((_, subject, _),) = await mails(site)
    assert "\n" not in subject


async def test_another_site_changes_no_team(site: Site) -> None:
    member, browser = await site.teammate("m"), await site.person("a")
    invitation = await invited(site, browser, "new@x.example")

    for path, form in posts(member, invitation):
        answer = await browser.post(path, form, sec_fetch_site="cross-site", origin="https://evil.test")
        assert answer.status == 403

    assert await roles(site) == {"a@a.example": "owner", "m@a.example": "member"}
