"""Norrfrakt Logistik, Göteborg: Swedish with a page in Japanese, å ä ö, addresses in script state and tables, gzip and chunks."""

import json

from world import Person, Site, h, ld

DOMAIN = "norrfrakt.example"


def _person(first: str, last: str, local: str, position: str, extension: str) -> Person:
    return Person(first, last, position, f"{local}@{DOMAIN}", f"031-390 06 {extension}")


ASA = _person("Åsa", "Björklund", "asa.bjorklund", "Verkställande direktör", "01")
ERIK = _person("Erik", "Söderström", "erik.soderstrom", "Ekonomichef", "02")
LINNEA = _person("Linnea", "Håkansson", "linnea.hakansson", "HR-chef", "03")
JOHAN = _person("Johan", "Lindgren", "johan.lindgren", "IT-chef", "04")
GUSTAV = _person("Gustav", "Nyberg", "gustav.nyberg", "Trafikledare", "11")
MAJA = _person("Maja", "Ekström", "maja.ekstrom", "Säljare", "21")
FREDRIK = _person("Fredrik", "Öberg", "fredrik.oberg", "Försäljningschef", "20")
KARIN = _person("Karin", "Wallin", "karin.wallin", "Kundtjänst", "30")
OSKAR = _person("Oskar", "Dahl", "oskar.dahl", "Terminalchef", "12")
KENJI = Person("Kenji", "Watanabe", "Branch Manager, Yokohama", f"kenji.watanabe@{DOMAIN}")
YUKI = Person("Yuki", "Tanaka", "Customer Service Coordinator", f"yuki.tanaka@{DOMAIN}")
MANAGEMENT = (ASA, ERIK, LINNEA, JOHAN)
STAFF = (GUSTAV, MAJA, FREDRIK, KARIN, OSKAR)


def at(local: str) -> str:
    return f"{local}@{DOMAIN}"


def document(title: str, body: str, lang: str = "sv-SE", state: object = None) -> str:
    script = json.dumps(state, ensure_ascii=False).replace("@", "\\u0040") if state else "{}"
    return f"""<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8"><title>{h(title)} - Norrfrakt</title>
<meta property="og:site_name" content="Norrfrakt"><link rel="stylesheet" href="/assets/app.3f9c.css">
<script async src="https://www.googletagmanager.com/gtm.js?id=GTM-SAMPLE0"></script><script src="https://consent.cookiebot.com/uc.js" data-cbid="0"></script>
<script>window.__INITIAL_STATE__ = {script};</script>
</head><body><div id="app" data-v-app=""><header><a href="/">Norrfrakt</a></header><main>{body}</main>
<footer><div itemscope itemtype="https://schema.org/PostalAddress"><span itemprop="streetAddress">Terminalgatan 40</span>, <span itemprop="postalCode">400 10</span>
<span itemprop="addressLocality">Göteborg</span> <meta itemprop="addressCountry" content="Sverige"></div><a href="tel:+46313900600">031-390 06 00</a>
<a href="https://www.linkedin.com/company/norrfrakt">LinkedIn</a><p>© Norrfrakt Logistik AB 2026</p></footer></div></body></html>"""


def line(person: Person) -> str:
    return f"<tr><th>{person.name}</th><td>{h(person.position)}</td><td><a href='tel:{person.phone}'>{person.phone}</a></td><td>{person.email}</td></tr>"


def site() -> Site:
    headers = (("Server", "nginx/1.28.0"), ("Via", "1.1 varnish"), ("X-Varnish", "32770"))
    frakt = Site(f"www.{DOMAIN}", headers, "2026-11-02T05:45:00+00:00")
    frakt.page(
        "/",
        document(
            "Logistik i hela Norden",
            "<h1>Gods som kommer fram</h1><p>Åkeri, lager och tull under ett tak.</p>"
            + ld(
                {
                    "@type": "Organization",
                    "name": "Norrfrakt",
                    "legalName": "Norrfrakt Logistik AB",
                    "url": f"https://www.{DOMAIN}",
                    "description": "Logistik och godstransport i Norden, med lager i Göteborg och kontor i Yokohama.",
                    "naics": "488510",
                    "numberOfEmployees": "201-500",
                    "email": at("kontakt"),
                    "sameAs": ["https://www.linkedin.com/company/norrfrakt"],
                }
            ),
        ),
        holds=[at("kontakt")],
    )
    frakt.page(
        "/medarbetare",
        document("Medarbetare", "<h1>Medarbetare</h1><table>" + "".join(map(line, STAFF)) + "</table>"),
        holds=[person.email for person in STAFF],
        coding="gzip",
    )
    frakt.page(
        "/om-oss/ledning",
        document(
            "Ledningsgrupp",
            "<h1>Ledningsgrupp</h1><div class='people'></div>",
            state={
                "route": "/om-oss/ledning",
                "people": {
                    str(number): {
                        "id": number,
                        "name": person.name,
                        "title": person.position,
                        "contact": {"email": person.email, "tel": person.phone},
                    }
                    for number, person in enumerate(MANAGEMENT)
                },
            },
        ),
        holds=[person.email for person in MANAGEMENT],
    )
    frakt.page(
        "/kontakt",
        document(
            "Kontakta oss",
            f"""<h1>Kontakta oss</h1><dl><dt>Växel</dt><dd>031-390 06 00</dd><dt>Order</dt><dd><a href="mailto:{at("order")}">{at("order")}</a></dd>
<dt>Tull</dt><dd>tull(at){DOMAIN}</dd><dt>Fakturor</dt><dd>faktura [at] norrfrakt [dot] example</dd></dl>""",
        ),
        holds=[at("order"), at("tull"), at("faktura")],
        coding="chunked",
    )
    frakt.page(
        "/press",
        document(
            "Press",
            f"<h1>Press</h1><p>Presskontakt: {ASA.name}, {h(ASA.position)}, {ASA.email}, {ASA.phone}, eller {at('press')}.</p>",
        ),
        holds=[ASA.email, at("press")],
    )
    frakt.page(
        "/jobba-hos-oss",
        document(
            "Jobba hos oss",
            f"<h1>Lediga jobb</h1><p>Frågor? Ring {LINNEA.name}, {LINNEA.position}, {LINNEA.phone}. Ansökan: jobb&#x40;{DOMAIN}</p>",
        ),
        holds=[at("jobb")],
    )
    for slug, title, text in (
        ("akeri", "Åkeri", "Fyrtio dragbilar, eldrift på sträckan till Oslo."),
        ("lager", "Lager", "12 000 pallplatser, kyla @ +4 °C."),
        ("tull", "Tull", "Import och export till Japan två gånger i veckan."),
    ):
        frakt.page(
            f"/tjanster/{slug}",
            document(title, f"<h1>{h(title)}</h1><p>{h(text)}</p><img src='/assets/{slug}@2x.webp' alt=''>"),
        )
    frakt.page(
        "/en/contact",
        document(
            "Contact",
            f"""<h1>Contact</h1><p>{FREDRIK.name}, Head of Sales: {FREDRIK.email}</p>
<p>{OSKAR.name}, Terminal Manager: <a href="mailto:{OSKAR.email}">{OSKAR.email}</a></p>""",
            lang="en",
        ),
        holds=[FREDRIK.email, OSKAR.email],
    )
    frakt.page(
        "/ja/",
        document(
            "横浜支店",
            f"""<h1>横浜支店</h1><p>〒220-0000 横浜市</p><p>Kenji Watanabe, {KENJI.position}<br>{KENJI.email}</p><p>Yuki Tanaka, {YUKI.position}<br>{YUKI.email}</p>""",
            lang="ja",
        ),
        holds=[KENJI.email, YUKI.email],
    )
    frakt.answer("/contact", "301 Moved Permanently", headers=(("Location", "/kontakt"),))
    frakt.answer("/assets/lager@2x.webp", "200 OK", b"RIFF\x20\x00\x00\x00WEBPVP8 " + bytes(16), "image/webp")
    frakt.revisit("/kontakt", "2026-11-19T05:45:00+00:00")
    return frakt
