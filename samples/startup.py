"""
Quillstack, Portland: a software company on Next.js, with people in state scripts, JSON-LD, blog posts and a protected page.

The richest of the five: every department and seniority is there.
"""

import json

from world import Person, Site, cloudflare, h, ld

DOMAIN = "quillstack.example"


def _person(first: str, last: str, position: str, extension: str = "", twitter: str = "") -> Person:
    phone = f"+1 503-555-01{extension}" if extension else ""
    return Person(first, last, position, f"{first.lower()}@{DOMAIN}", phone, twitter, f"{first}-{last}-quill".lower())


MAYA = _person("Maya", "Lindqvist", "Co-founder & CEO", "01", "mayalindqvist")
RAHUL = _person("Rahul", "Deshpande", "Co-founder & CTO", "02", "rahulwrites")
INGRID = _person("Ingrid", "Sauer", "Chief Financial Officer", "03")
MARCUS = _person("Marcus", "Bellamy", "VP of Sales", "10")
CHLOE = _person("Chloe", "Ferrante", "Account Executive", "11")
TYRONE = _person("Tyrone", "Maddox", "Sales Development Representative", "12")
HANNAH = _person("Hannah", "Weiss", "Head of Marketing", "20", "hannahweiss_")
DIEGO = _person("Diego", "Castellanos", "Content Marketing Manager", "", "diegowrites")
PAIGE = _person("Paige", "Holloway", "Communications Manager", "21")
ANJALI = _person("Anjali", "Menon", "Engineering Manager", "30", "anjalimenon")
TOMASZ = _person("Tomasz", "Zielinski", "Senior Software Engineer", "", "tzielinski")
LENA = _person("Lena", "Brandt", "Software Engineer")
KWAME = _person("Kwame", "Boateng", "Site Reliability Engineer", "31")
SAKURA = _person("Sakura", "Ito", "Lead Product Designer", "40", "sakura_draws")
NOAH = _person("Noah", "Prescott", "Junior Designer")
FATIMA = _person("Fatima", "Rahmani", "Director of Customer Support", "50")
ELLIOT = _person("Elliot", "Graves", "Customer Support Specialist", "51")
BIANCA = _person("Bianca", "Moretti", "Head of People", "60")
OWEN = _person("Owen", "Tierney", "General Counsel", "61")
PRIA = _person("Pria", "Chandran", "Accountant", "62")
JONAS = _person("Jonas", "Akerman", "Operations Manager", "63")
ZOE = _person("Zoe", "Kaplan", "Marketing Intern")
WESLEY = _person("Wesley", "Thorne", "Solutions Engineer", "13")
TEAM = (MAYA, RAHUL, INGRID, MARCUS, HANNAH, ANJALI, SAKURA, FATIMA, BIANCA, OWEN, JONAS, KWAME)


def at(local: str) -> str:
    return f"{local}@{DOMAIN}"


def document(title: str, body: str, head: str = "", state: object = None) -> str:
    props = json.dumps(
        {"props": {"pageProps": state or {}}, "page": "/", "buildId": "q7xW2bN0"}, ensure_ascii=False
    ).replace("@", "\\u0040")
    return (
        f"""<!DOCTYPE html><html lang="en-US"><head><meta charSet="utf-8"/><title>{h(title)} | Quillstack</title>
<meta name="viewport" content="width=device-width"/><meta property="og:site_name" content="Quillstack"/><meta name="twitter:site" content="@quillstack"/>
<link rel="preload" href="/_next/static/media/inter@2x.woff2" as="font"/><script src="/_next/static/chunks/main-5e1b7a.js" defer=""></script>
<script src="https://js.stripe.com/v3/" async=""></script><script src="https://browser.sentry-cdn.com/8.41.0/bundle.min.js" crossorigin="anonymous"></script>
<script>window.intercomSettings={{app_id:"q0samp1e"}};</script><script>Sentry.init({{dsn:"https://9f2b7c1d4e5a@o00000.ingest.sentry.io/1"}});</script>
{head}</head><body><div id="__next"><header><a href="/">Quillstack</a><a href="/pricing">Pricing</a><a href="/about">About</a></header><main>
{body}
</main><footer><a href="https://twitter.com/quillstack">Twitter</a><a href="https://www.linkedin.com/company/quillstack/">LinkedIn</a>"""
        f"""<a href="https://www.youtube.com/@quillstack">YouTube</a><a href="https://twitter.com/intent/tweet?text=Quillstack">Share</a>
<p>© 2026 Quillstack, Inc.</p></footer></div><script id="__NEXT_DATA__" type="application/json">{props}</script></body></html>"""
    )


def member(person: Person) -> dict[str, str]:
    said = {
        "firstName": person.first,
        "lastName": person.last,
        "jobTitle": person.position,
        "email": person.email,
        "phone": person.phone,
        "twitter": person.twitter,
    }
    return {key: value for key, value in said.items() if value}


def post(title: str, author: Person, body: str, more: str = "") -> str:
    node = {
        "@type": "BlogPosting",
        "headline": title,
        "author": {
            "@type": "Person",
            "name": author.name,
            "jobTitle": author.position,
            "email": f"mailto:{author.email}",
            "sameAs": [f"https://twitter.com/{author.twitter}"] if author.twitter else [],
        },
        "publisher": {"@type": "Organization", "name": "Quillstack", "url": f"https://{DOMAIN}"},
    }
    return document(title, f"<article><h1>{h(title)}</h1><p>By {author.name}</p>{body}</article>{more}", ld(node))


def site() -> Site:
    headers = (
        ("Server", "Vercel"),
        ("X-Powered-By", "Next.js"),
        ("X-Vercel-Id", "pdx1::sample"),
        ("Strict-Transport-Security", "max-age=63072000"),
    )
    quill = Site(DOMAIN, headers, "2026-10-19T15:00:00+00:00")
    quill.page(
        "/",
        document(
            "Documents that keep up with your code",
            "<h1>Documents that keep up with your code</h1><p>Install with <code>npm i @quillstack/cli@3.2.0</code> or pin react@18.2.0.</p>",
            '<meta name="description" content="Quillstack is a developer platform: SaaS for teams whose documents must keep up with their code."/>'
            + ld(
                {
                    "@type": "Organization",
                    "@id": f"https://{DOMAIN}/#org",
                    "name": "Quillstack",
                    "legalName": "Quillstack, Inc.",
                    "url": f"https://{DOMAIN}",
                    "description": "Quillstack keeps documents and code in step. A developer platform used by small and large teams.",
                    "naics": "513210",
                    "numberOfEmployees": {"@type": "QuantitativeValue", "minValue": 51, "maxValue": 200},
                    "address": {
                        "@type": "PostalAddress",
                        "streetAddress": "215 Juniper Street, Suite 4",
                        "addressLocality": "Portland",
                        "addressRegion": "OR",
                        "postalCode": "97205",
                        "addressCountry": "US",
                    },
                    "contactPoint": [
                        {
                            "@type": "ContactPoint",
                            "contactType": "sales",
                            "email": at("sales"),
                            "telephone": "+1-503-555-0100",
                        },
                        {"@type": "ContactPoint", "contactType": "customer support", "email": at("support")},
                    ],
                    "sameAs": [
                        "https://twitter.com/quillstack",
                        "https://www.linkedin.com/company/quillstack",
                        "https://www.youtube.com/@quillstack",
                        "https://codehost.example/quillstack",
                    ],
                }
            ),
        ),
        holds=[at("sales"), at("support")],
    )
    # The team is drawn by a script: the state beside it is all there is to read.
    quill.page(
        "/about",
        document(
            "About",
            '<h1>About us</h1><div data-team="leadership"></div>',
            state={"team": [member(person) for person in TEAM]},
        ),
        holds=[person.email for person in TEAM],
    )
    quill.page(
        "/contact",
        document(
            "Contact",
            f"""<h1>Talk to us</h1><ul><li>Sales: <a href="mailto:{at("sales")}?subject=Quote">{at("sales")}</a></li>
<li>Support: <a href="mailto:{at("support")}">{at("support")}</a></li><li>Billing: {at("billing")}</li><li>Press: {at("press")}</li></ul>
<form><input type="email" placeholder="you@example.com"></form>""",
        ),
        holds=[at("sales"), at("support"), at("billing"), at("press")],
    )
    quill.page(
        "/contact/sales",
        document(
            "Your sales team",
            "\n".join(
                f"""<section class="card"><h3>{person.name}</h3><p>{person.position}</p><p><a href="mailto:{person.email}">{person.email}</a></p><p>{person.phone}</p></section>"""
                for person in (MARCUS, CHLOE, TYRONE, WESLEY)
            ),
        ),
        holds=[person.email for person in (MARCUS, CHLOE, TYRONE, WESLEY)],
        coding="gzip",
    )
    quill.page(
        "/press",
        document(
            "Press",
            f"""<h1>Press room</h1><p>Media enquiries:</p><p><b>{PAIGE.name}</b>, {PAIGE.position}<br>{PAIGE.email}<br>{PAIGE.phone}</p>
<p>Logos: <a href="/brand/quill@3x.png">quill@3x.png</a></p>""",
        ),
        holds=[PAIGE.email],
    )
    quill.page(
        "/careers",
        document(
            "Careers",
            f"""<h1>Work with us</h1><p>Write to {BIANCA.name}, {BIANCA.position}: bianca [at] quillstack [dot] example</p><p>or to careers (at) {DOMAIN}.</p>""",
        ),
        holds=[BIANCA.email, at("careers")],
    )
    quill.page(
        "/security",
        document(
            "Security",
            f"""<h1>Reporting a vulnerability</h1><p>Write to <a href="/cdn-cgi/l/email-protection" class="__cf_email__" data-cfemail="{cloudflare(at("security"))}">[email&#160;protected]</a>
or to {KWAME.name}, <a href="/cdn-cgi/l/email-protection#{cloudflare(KWAME.email)}">by mail</a>.</p>""",
        ),
        guarded=[at("security"), KWAME.email],
    )
    quill.page(
        "/legal",
        document(
            "Legal",
            f"<h1>Legal</h1><p>Notices to Quillstack, Inc., attention of {OWEN.name}, {OWEN.position}, {OWEN.email}. Privacy requests: privacy&#64;{DOMAIN}.</p>",
        ),
        holds=[OWEN.email, at("privacy")],
    )
    quill.page("/pricing", document("Pricing", "<h1>Pricing</h1><p>Team: 12 $ a seat @ 10 seats.</p>"))
    quill.page(
        "/docs/install",
        document(
            "Install",
            "<h1>Install</h1><pre>npm i lodash@4.17.21 vue@3.5\nimport {Quill} from 'https://cdn.example.net/npm/quill@3.2.0/dist/quill.min.js'\n@media print {}</pre>",
        ),
    )
    quill.page(
        "/docs/api",
        document(
            "API reference", "<h1>API</h1><pre>@Override public String toString();\nuser:pass@db:5432/quill</pre>"
        ),
    )
    quill.page(
        "/blog/incremental-docs",
        post(
            "Incremental documents",
            TOMASZ,
            f"<p>Builds took nine minutes; now they take four seconds. Questions to {TOMASZ.email}.</p>",
        ),
        holds=[TOMASZ.email],
        at="2026-05-04T12:00:00+00:00",
    )
    quill.page(
        "/blog/colour-for-diagrams",
        post("Colour for diagrams", SAKURA, f"<p>With {NOAH.name}, {NOAH.position}, {NOAH.email}.</p>"),
        holds=[SAKURA.email, NOAH.email],
        at="2026-06-15T12:00:00+00:00",
    )
    quill.page(
        "/blog/how-we-write",
        post("How we write", DIEGO, f"<p>Edited by {ZOE.name}, {ZOE.position} (zoe&#64;quillstack&#46;example).</p>"),
        holds=[DIEGO.email, ZOE.email],
    )
    quill.page(
        "/blog/on-call",
        post("On call without tears", LENA, "<p>Follow us at medium.example/@quillstack.</p>"),
        holds=[LENA.email],
        coding="chunked",
    )
    quill.page(
        "/support",
        document(
            "Support",
            f"""<h1>Support</h1><p>Mondays to Fridays. {ELLIOT.name}, {ELLIOT.position}: <a href="mailto:{ELLIOT.email}">{ELLIOT.email}</a>, {ELLIOT.phone}</p>
<p>Invoices: {PRIA.name}, {PRIA.position}, <a href="mailto:{PRIA.email}">{PRIA.email}</a>, {PRIA.phone}</p>""",
        ),
        holds=[ELLIOT.email, PRIA.email],
    )
    quill.answer("/team", "308 Permanent Redirect", headers=(("Location", "/about"),))
    quill.answer("/robots.txt", "200 OK", b"User-agent: *\nDisallow: /api/\n", "text/plain")
    quill.revisit("/blog/incremental-docs", "2026-11-16T12:00:00+00:00")
    return quill
