"""What gives a technology away, and what only looks like it."""

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.harvest.extract import fingerprints
from vizsla.harvest.extract.head import read_tags
from vizsla.harvest.extract.technologies import find_technologies
from vizsla.harvest.records import Page


def technologies(html: str, headers: dict[str, str]) -> list[str]:
    page = Page("https://acme.example/", 0, b"", headers=headers)
    return find_technologies(page, html, html.encode("utf-8", "replace"), read_tags(html))


def found(html: str = "", **headers: str) -> list[str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return technologies(html, named)


@pytest.mark.parametrize(
    ("headers", "slugs"),
    [
        ({"server": "nginx/1.27"}, ["nginx"]),
        ({"server": "cloudflare", "cf_ray": "8a-MUC"}, ["cloudflare"]),
        ({"server": "Apache/2.4 (Debian)", "x_powered_by": "PHP/8.3"}, ["apache", "php"]),
        (
            {"x_amz_cf_id": "abc", "via": "1.1 x.cloudfront.net (CloudFront)"},
            ["amazon-cloudfront", "amazon-web-services"],
        ),
        ({"x_powered_by": "Next.js", "x_vercel_id": "fra1::x"}, ["next-js", "node-js", "react", "vercel"]),
        ({"x_powered_by": "Express"}, ["express", "node-js"]),
        ({"set_cookie": "PHPSESSID=x; path=/"}, ["php"]),
        ({"set_cookie": "a=1; expires=Mon, 01 Jan 2029 00:00:00 GMT, laravel_session=x"}, ["laravel", "php"]),
        ({"set_cookie": "a=1\nwp-settings-1=x"}, ["mysql", "php", "wordpress"]),
        ({"set_cookie": "note=PHPSESSID"}, []),
        ({"x_note": "server: nginx"}, []),
    ],
)
def test_headers_and_cookies(headers, slugs):
    assert found(**headers) == slugs


@pytest.mark.parametrize(
    ("html", "slug"),
    [
        ('<meta name="generator" content="WordPress 6.8">', "wordpress"),
        ("<META content='TYPO3 CMS' name='Generator'>", "typo3"),
        ('<script async src="https://www.googletagmanager.com/gtag/js?id=G-X1"></script>', "google-analytics"),
        ("<script>gtag('config', 'G-ABCDEF');</script>", "google-analytics"),
        ("<script>(function(w){w.x})(window,'GTM-ABC12');</script>", "google-tag-manager"),
        ("<script>window.intercomSettings = {app_id: 'x'}</script>", "intercom"),
        ('<script src="https://js.stripe.com/v3/"></script>', "stripe"),
        ('<script src="//js.hs-scripts.com/123.js"></script>', "hubspot"),
        ('<script src="//munchkin.marketo.net/munchkin.js"></script>', "marketo"),
        ('<script src="https://browser.sentry-cdn.com/8.0/bundle.min.js"></script>', "sentry"),
        ('<script src="https://www.google.com/recaptcha/api.js"></script>', "recaptcha"),
        ('<script src="/_next/static/chunks/main-0a.js"></script>', "react"),
        ('<script id="__NEXT_DATA__" type="application/json">{}</script>', "next-js"),
        ('<script src="https://unpkg.com/vue@3/dist/vue.global.js"></script>', "vue-js"),
        ('<link rel=stylesheet href="/wp-content/themes/divi/style.css">', "divi"),
        (
            '<link rel="stylesheet" href="https://cdn.jsdelivr.net/npm/bootstrap@5.3/dist/css/bootstrap.min.css">',
            "bootstrap",
        ),
        ('<script src="https://code.jquery.com/jquery-3.7.1.min.js"></script>', "jquery"),
        ('<script src="/assets/jquery.min.js"></script>', "jquery"),
        ('<app-root ng-version="18.0.0"></app-root>', "angular"),
        ('<iframe src="https://player.vimeo.com/video/1"></iframe>', "vimeo"),
        ('<iframe src="https://www.google.com/maps/embed?pb=1"></iframe>', "google-maps"),
        ('<script src="//connect.facebook.net/en_US/fbevents.js"></script>', "facebook"),
        ('<script>var _paq = window._paq || []; _paq.push(["trackPageView"]);</script>', "matomo"),
        ('<button data-action="click->menu#toggle">', "stimulus"),
        ('<input type="hidden" name="csrfmiddlewaretoken" value="x">', "django"),
    ],
)
def test_pages(html, slug):
    assert slug in found(html)


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://js.stripe.com/v3/">Stripe</a> <a href="https://wordpress.org/">WordPress</a> jquery.min.js',
        "<pre>&lt;script src=&quot;https://js.stripe.com/v3/&quot;&gt;&lt;/script&gt;</pre>",
        "<pre>gtag('config', 'G-ABC')</pre>",
        '<link rel="canonical" href="https://acme.example/wp-content/x">',
        '<link rel="alternate" href="https://acme.myshopify.example/cdn/shop/">',
        '<p>A guide: put <code>ng-version="18"</code> there</p>',
        '<script type="application/json">{"text":"window.intercomSettings"}</script>',
        '<script src="/assets/reactor.js"></script><script src="/assets/my-vue-page.js"></script>',
        '<meta name="description" content="WordPress">',
        '<body data-controller="SyncHeader, AddScrolling"><script src="/js/chart.js"></script>',
    ],
)
def test_a_mention_is_not_a_use(html):
    assert found(html) == []


def test_there_are_over_a_hundred_and_every_rule_can_be_reached():
    tables = [
        fingerprints.HEADERS,
        fingerprints.COOKIES,
        fingerprints.GENERATORS,
        fingerprints.ADDRESSES,
        fingerprints.CALLS,
        fingerprints.TAGS,
    ]
    slugs = set().union(*tables)

    assert len(slugs) >= 100
    assert all(slug == slug.lower() and " " not in slug for slug in slugs)
    assert set(fingerprints.IMPLIED) <= slugs


@pytest.mark.parametrize(
    "html",
    [
        "<" * 1_000_000,
        "<script " * 125_000,
        "<script>" * 125_000,
        "<div ng" * 150_000,
        '<script src="' + "s3a." * 250_000,
        "<script>" + "gtag( " * 200_000,
    ],
)
def test_a_hostile_page_costs_little(html):
    began = perf_counter()
    found(html)

    assert perf_counter() - began < 1


@settings(deadline=None, max_examples=100)
@given(st.text(), st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5))
def test_no_page_makes_it_raise(html, headers):
    technologies("<script>" + html + "<script src='" + html, headers)


@settings(deadline=None, max_examples=20)
@given(st.data())
@pytest.mark.parametrize("slug", fingerprints.TAGS)
def test_no_tag_is_told_without_a_mark(slug, data):
    tag = data.draw(st.from_regex(fingerprints.TAGS[slug], fullmatch=True)).lower()

    assert tag.startswith("<html") or any(mark in tag for mark in fingerprints.TAG_MARKS)
