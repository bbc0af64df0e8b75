"""What no browser sends: each is answered in a sentence, and nothing of it is our fault."""

import pytest

from web.conftest import Site

HUGE = "9" * 5_000
"""Digits that Python refuses to read as a number."""


@pytest.mark.parametrize(
    "path", [f"/leads/{HUGE}", f"/senders/{HUGE}/edit", f"/campaigns/{'9' * 19}", f"/inbox/{'9' * 20}"], ids=len
)
async def test_a_number_that_nothing_can_have_is_not_found(site: Site, path: str) -> None:
    assert (await (await site.person("a")).get(path)).status == 404
    assert (await site.stranger().get(path)).status in (303, 404)


@pytest.mark.parametrize("query", [f"leads_list_id={HUGE}", f"tag_id={HUGE}", f"sort=a{HUGE}", f"view={HUGE}"], ids=len)
async def test_a_filter_with_such_a_number_is_none(site: Site, query: str) -> None:
    assert (await (await site.person("a")).get(f"/leads?{query}")).status == 200


@pytest.mark.parametrize("start", ["0" * 5_000 + ":00", "24:60", "٠٩:٠٠", "9", "09:00:00 or so"], ids=len)
async def test_hours_that_no_clock_shows_are_refused(site: Site, start: str) -> None:
    form = {
        "email": "ada@sender.test", "smtp_host": "127.0.0.1", "smtp_port": "25", "smtp_security": "none", "auth": "password",
        "login": "ada", "password": "secret", "daily_cap": "5", "gap": "0", "timezone": "UTC", "days": ["1"], "start": start,
        "end": "18:00", "journal": "none",
    }  # fmt: skip
    answer = await (await site.person("a")).post("/senders/new", form)
    assert (answer.status, "Give hours as 09:00" in answer.words) == (422, True)


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "utf-16", "base64", "../x"])
async def test_a_form_in_another_encoding_is_not_read(site: Site, charset: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na@b.net\r\n'
    body += b'--x\r\nContent-Disposition: form-data; name="first_name"\r\n\r\n\\ud800+2AA-\r\n--x--\r\n'
    kind = {"content-type": f"multipart/form-data; boundary=x; charset={charset}", "sec-fetch-site": "same-origin"}
    answer = await (await site.person("a")).send("POST", "/leads/new", body, accept="text/html", **kind)
    assert (answer.status, "could not be read" in answer.words) == (422, True)
