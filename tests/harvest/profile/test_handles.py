"""Whose account a link to a social network leads to."""

import pytest

from vizsla.harvest.extract.social import handle_of


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://twitter.com/acme", ("twitter", "acme")),
        ("https://x.com/@acme?lang=en", ("twitter", "acme")),
        ("//mobile.twitter.com/#!/acme", ("twitter", "acme")),
        ("twitter.com/acme/", ("twitter", "acme")),
        ("https://de-de.facebook.com/acme.gmbh/", ("facebook", "acme.gmbh")),
        ("https://www.facebook.com/pages/Acme/123456", ("facebook", "pages/Acme/123456")),
        ("https://facebook.com/pg/acme/about", ("facebook", "acme")),
        ("https://uk.linkedin.com/company/acme-%26-co/about/", ("linkedin", "company/acme-&-co")),
        ("https://www.linkedin.com/school/acme/", ("linkedin", "school/acme")),
        ("https://instagram.com/acme.co", ("instagram", "acme.co")),
        ("https://www.youtube.com/channel/UCabc_-1", ("youtube", "channel/UCabc_-1")),
        ("https://youtube.com/@acme", ("youtube", "@acme")),
        ("https://twitter.com/intent/tweet?text=x", None),
        ("https://twitter.com/share?url=x", None),
        ("https://twitter.com/hashtag/acme", None),
        ("https://twitter.com/acme/status/1", None),
        ("https://www.facebook.com/sharer/sharer.php?u=x", None),
        ("https://www.facebook.com/plugins/like.php", None),
        ("https://facebook.com/profile.php?id=1", None),
        ("https://www.linkedin.com/in/jane-doe", None),
        ("https://www.linkedin.com/shareArticle?url=x", None),
        ("https://www.instagram.com/p/Cabc/", None),
        ("https://www.youtube.com/watch?v=1", None),
        ("https://nottwitter.com/acme", None),
        ("https://twitter.com/", None),
        ("", None),
        ("https://x.com/" + "a" * 600, None),
    ],
)
def test_handles(url, found):
    assert handle_of(url) == found
