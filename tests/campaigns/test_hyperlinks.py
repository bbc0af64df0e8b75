"""A link in a step leads to the public web or to a mail address, and says so (attack case mail-10)."""

import pytest

from vizsla.campaigns.hyperlinks import refuse_links
from vizsla.campaigns.templates import WrongTemplate

REFUSED = [
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>1</script>", "vbscript:x",
    " https://ok.test/\r\nSet-Cookie: a=b", "//ok.test", "https://ok.test/%0d%0aX: y", "https://ok.test/%00", "/path", "ok.test",
    "https://user:pw@ok.test/", "https://ok.test@evil.test/", "https://ok.test\\@evil.test/", "https://127.0.0.1/", "https://10.1.2.3/",
    "https://[::1]/", "https://[fe80::1]/", "https://2130706433/", "https://0x7f.1/", "https://127.1/", "http://localhost/", "http://intranet/",
    "http://x.internal/", "http://169.254.169.254/latest", "{{ website }}", "https://{{ website }}/", "https://ok.test:99999/", "file:///etc/passwd",
    "ftp://ok.test/", "https:ok.test", "https://", "https://ok.test/" + "x" * 2_000,
]  # fmt: skip
ALLOWED = [
    "https://ok.test/", "http://ok.test", "https://ok.test:8443/a?b=c#d", "mailto:ann@ok.test", "https://ok.test/?who={{ email }}",
    "https://ok.test/{{ first_name | url_encode }}", "https://bücher.example/", "https://9.9.9.9/", "HTTPS://OK.test/%20x",
]  # fmt: skip


@pytest.mark.parametrize("link", REFUSED)
def test_links_that_may_not_stand_in_a_step(link: str) -> None:
    escaped = link.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    for tag in (f'<a href="{escaped}">x</a>', f"<A class=b HREF='{escaped}'>x", f'<img src="{escaped}">'):
        with pytest.raises(WrongTemplate, match="cannot be used"):
            refuse_links(tag, "html")


@pytest.mark.parametrize("link", ALLOWED)
def test_links_that_may(link: str) -> None:
    refuse_links(f'<p><a href="{link}">x</a><a href="#top">y</a></p>', "html")
    refuse_links(f"See {link} soon.", "text")


def test_in_text_a_word_with_a_colon_is_no_link() -> None:
    refuse_links("javascript:alert(1) is a word, so is //ok.test and ann@ok.test", "text")
    with pytest.raises(WrongTemplate, match="private network"):
        refuse_links("see http://192.168.0.1/admin", "text")
    with pytest.raises(WrongTemplate):
        refuse_links('<iframe srcdoc="<script>x</script>"></iframe>', "html")
    with pytest.raises(WrongTemplate):
        refuse_links('<a href="javascript:x"', "html")
