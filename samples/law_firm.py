"""Hargreave Lowe LLP, Leeds: British, ASP.NET, a page for each solicitor with microdata, somebody who left between two captures."""

import base64

from world import Person, Site, h, ld

DOMAIN = "hargreave-lowe.example"


def _person(first: str, last: str, position: str, extension: str) -> Person:
    return Person(
        first,
        last,
        position,
        f"{first[0].lower()}{last.lower()}@{DOMAIN}",
        f"0113 496 0{extension}",
        linkedin=f"{first}-{last}-law".lower(),
    )


ELEANOR = _person("Eleanor", "Hargreave", "Managing Partner", "101")
THOMAS = _person("Thomas", "Lowe", "Senior Partner, Dispute Resolution", "102")
PRIYA = _person("Priya", "Nair", "Partner, Employment Law", "110")
JAMES = _person("James", "Whitfield", "Senior Associate, Commercial Property", "114")
SOPHIE = _person("Sophie", "Ashdown", "Associate Solicitor, Family Law", "118")
DANIEL = _person("Daniel", "Okafor", "Trainee Solicitor", "121")
MARGARET = _person("Margaret", "Pell", "Practice Manager", "130")
OLIVER = _person("Oliver", "Finch", "Business Development Manager", "133")
GRACE = _person("Grace", "Kendrick", "Legal Secretary", "119")
ROBERT = _person("Robert", "Stainton", "Consultant Solicitor", "122")
PROFILED = (ELEANOR, THOMAS, PRIYA, JAMES, SOPHIE, DANIEL)


def at(local: str) -> str:
    return f"{local}@{DOMAIN}"


def document(title: str, body: str, head: str = "") -> str:
    return f"""<!DOCTYPE html>
<html lang="en-GB"><head><meta charset="utf-8" /><title>{h(title)} | Hargreave Lowe</title>
<meta property="og:site_name" content="Hargreave Lowe" /><meta name="twitter:site" content="@hargreavelowe" />
<link href="/bundles/bootstrap.min.css" rel="stylesheet" /><script src="https://www.googletagmanager.com/gtag/js?id=G-0000SAMPLE"></script>
<script>window.dataLayer = window.dataLayer || []; function gtag(){{dataLayer.push(arguments);}} gtag('config', 'G-0000SAMPLE');</script>
{head}</head>
<body><form method="post" action="./" id="aspnetForm"><input type="hidden" name="__VIEWSTATE" id="__VIEWSTATE" value="/wEPDwUKLTk2MDk@AzMWRk" />
<div class="navbar"><a href="/">Hargreave Lowe</a> <a href="/people">People</a> <a href="/contact">Contact</a></div>
<div class="container">{body}</div>
<div id="footer"><p>Follow us on <a href="https://www.linkedin.com/company/hargreave-lowe-llp">LinkedIn</a></p>
<p>&copy; 2026 Hargreave Lowe LLP. Authorised and regulated.</p></div></form></body></html>
"""


def profile(person: Person) -> str:
    return f"""<div itemscope itemtype="https://schema.org/Person"><h1 itemprop="name">{person.name}</h1>
<h2 itemprop="jobTitle">{h(person.position)}</h2>
<dl><dt>Direct dial</dt><dd itemprop="telephone">{person.phone}</dd>
<dt>Email</dt><dd><a itemprop="email" href="mailto:{person.email}">{person.email}</a></dd></dl>
<p><a href="https://www.linkedin.com/in/{person.slug}">LinkedIn profile</a></p>
<p itemprop="description">{person.first} joined the firm after reading law at a northern university.</p></div>"""


def row(person: Person) -> str:
    return f"<tr><td>{person.name}</td><td>{h(person.position)}</td><td>{person.phone}</td><td><a href='mailto:{person.email}'>{person.email}</a></td></tr>"


def people(listed: tuple[Person, ...]) -> str:
    return document("Our people", "<h1>Our people</h1><table>" + "\n".join(map(row, listed)) + "</table>")


def site() -> Site:
    headers = (("Server", "Microsoft-IIS/10.0"), ("X-AspNet-Version", "4.0.30319"), ("X-Powered-By", "ASP.NET"))
    firm = Site(f"www.{DOMAIN}", headers, "2026-10-05T10:15:30+00:00")
    support = (MARGARET, GRACE)
    firm.page(
        "/people",
        people((*PROFILED, ROBERT, *support)),
        holds=[one.email for one in (*PROFILED, ROBERT, *support)],
        at="2026-02-11T08:30:00+00:00",
    )
    firm.page(
        "/",
        document(
            "Solicitors in Leeds",
            "<h1>Plain advice from people you can ring</h1><p>Employment, property, family and disputes since 1988.</p>",
            '<meta name="description" content="A law firm in Leeds: solicitors for employment, commercial property, family law and disputes." />'
            + ld(
                {
                    "@graph": [
                        {
                            "@type": "LegalService",
                            "@id": f"https://www.{DOMAIN}/#firm",
                            "name": "Hargreave Lowe",
                            "legalName": "Hargreave Lowe LLP",
                            "url": f"https://www.{DOMAIN}/",
                            "telephone": "0113 496 0100",
                            "address": {"@id": f"https://www.{DOMAIN}/#office"},
                            "sameAs": [
                                "https://www.linkedin.com/company/hargreave-lowe-llp",
                                "https://twitter.com/hargreavelowe",
                            ],
                            "numberOfEmployees": {"@type": "QuantitativeValue", "minValue": 11, "maxValue": 50},
                        },
                        {
                            "@type": "PostalAddress",
                            "@id": f"https://www.{DOMAIN}/#office",
                            "streetAddress": "4 Calder Court",
                            "addressLocality": "Leeds",
                            "addressRegion": "West Yorkshire",
                            "postalCode": "LS1 0ZZ",
                            "addressCountry": {"@type": "Country", "name": "United Kingdom"},
                        },
                    ]
                }
            ),
        ),
    )
    firm.page("/people", people((*PROFILED, *support)), holds=[one.email for one in (*PROFILED, *support)])
    for person in PROFILED:
        firm.page(f"/people/{person.slug}", document(person.name, profile(person)), holds=[person.email])
    firm.page(
        "/contact",
        document(
            "Contact us",
            f"""<h1>Contact us</h1><p>Telephone: 0113 496 0100</p><p>New enquiries: <a href="mailto:{at("enquiries")}">{at("enquiries")}</a></p>
<p>Accounts department: {at("accounts")}</p><p>Complaints: please write to {MARGARET.name}, {MARGARET.position}, at <a href="mailto:{at("complaints")}">{at("complaints")}</a>.</p>""",
        ),
        holds=[at("enquiries"), at("accounts"), at("complaints")],
        coding="chunked",
    )
    first, second = at("recruitment").split("@")
    firm.page(
        "/careers",
        document(
            "Careers",
            f"""<h1>Training contracts 2027</h1><p>Send your CV to <script>document.write('<a href="mailto:' + '{first}' + '@' + '{second}' + '">email</a>');</script></p>
<p>Questions? <script>var e = atob('{base64.b64encode(OLIVER.email.encode()).decode()}'); document.write(e);</script></p>""",
        ),
        guarded=[at("recruitment"), OLIVER.email],
    )
    firm.page(
        "/news/employment-rights-2026",
        document(
            "Employment rights in 2026",
            f"""<article><h1>Employment rights: what changes</h1><p>By {PRIYA.name}</p><p>Tribunal claims rose again; see the case of A v B [2026] @ paragraph 12.</p>
<p>For advice contact {PRIYA.name}, {h(PRIYA.position)}, on {PRIYA.phone} or {PRIYA.email}.</p></article>""",
        ),
        holds=[PRIYA.email],
    )
    firm.page(
        "/privacy",
        document(
            "Privacy", f"<h1>Privacy notice</h1><p>Our data protection lead can be reached under privacy@{DOMAIN}.</p>"
        ),
        holds=[at("privacy")],
    )
    firm.answer("/team", "302 Found", headers=(("Location", "/people"),))
    firm.revisit("/contact", "2026-11-12T11:00:00+00:00")
    return firm
