"""
Pages of other people that mention the five: a conference, a blog, a directory, a magazine, a code host.

They are why an address has sources on several domains; the directory is there because its listings must not become its profile.
"""

import brewery
import law_firm
import logistics
import startup
import studio
from world import Person, Site, h, ld


def _simple(title: str, site: str, body: str, head: str = "") -> str:
    return f"""<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{h(title)} | {h(site)}</title><meta name="generator" content="Hugo 0.152.2">
<meta property="og:site_name" content="{h(site)}">{head}</head><body><h1>{h(title)}</h1>{body}<footer>© 2026 {h(site)}</footer></body></html>"""


def _speaker(person: Person, company: str) -> str:
    twitter = f' · <a href="https://twitter.com/{person.twitter}">@{person.twitter}</a>' if person.twitter else ""
    return f"""<li><h3>{person.name}</h3><p>{h(person.position)}, {h(company)}</p><p><a href="mailto:{person.email}">{person.email}</a>{twitter}</p></li>"""


def conference() -> Site:
    host = Site(
        "docs-meadow-conf.example",
        (("Server", "Netlify"), ("X-Nf-Request-Id", "01SAMPLE")),
        "2026-04-20T18:00:00+00:00",
    )
    speakers = (
        (startup.RAHUL, "Quillstack"),
        (startup.ANJALI, "Quillstack"),
        (startup.MAYA, "Quillstack"),
        (logistics.JOHAN, "Norrfrakt"),
    )
    host.page(
        "/2026/speakers",
        _simple("Speakers 2026", "Docs Meadow", "<ul>" + "".join(_speaker(*speaker) for speaker in speakers) + "</ul>"),
        holds=[person.email for person, _ in speakers],
    )
    host.page(
        "/2026/contact",
        _simple(
            "Contact",
            "Docs Meadow",
            "<p>Organisers: crew@docs-meadow-conf.example, or find @docsmeadow at chat.example.</p>",
        ),
        holds=["crew@docs-meadow-conf.example"],
    )
    host.page(
        "/2026/sponsors",
        _simple(
            "Sponsors",
            "Docs Meadow",
            f"<p>Thank you, Quillstack. Sponsor contact: {startup.HANNAH.name}, {startup.HANNAH.position}, {startup.HANNAH.email}</p>",
        ),
        holds=[startup.HANNAH.email],
    )
    return host


def blog() -> Site:
    host = Site("hopfenblick.example", (("Server", "nginx"),), "2026-07-01T20:00:00+00:00")
    braumeister = brewery.JUERGEN
    host.page(
        "/2026/07/zu-besuch-bei-zirbel.html",
        f"""<html><head><meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"><title>Zu Besuch bei Zirbel - Hopfenblick</title></head>
<body><h1>Zu Besuch bei Zirbel</h1><p>{braumeister.name}, {braumeister.position} der Brauerei Zirbel, führt durch den Gärkeller.
Wer mitgehen will, schreibt an {braumeister.email}.</p><p>Leserbriefe: leser@hopfenblick.example</p></body></html>""",
        holds=[braumeister.email, "leser@hopfenblick.example"],
        charset="iso-8859-1",
    )
    host.page(
        "/2026/09/bock.html",
        _simple(
            "Bockbierzeit",
            "Hopfenblick",
            f"<p>Den Bock erklärt Lukas Wagner, Qualitätssicherung bei Zirbel ({brewery.LUKAS.email}).</p>",
        ),
        holds=[brewery.LUKAS.email],
    )
    return host


def directory() -> Site:
    host = Site("northern-law-index.example", (("Server", "Apache"),), "2026-03-09T12:00:00+00:00")
    firms = [
        ("Hargreave Lowe", f"https://www.{law_firm.DOMAIN}/"),
        ("Pennine Chambers", "https://pennine-chambers.example/"),
        ("Tyne & Sons", "https://tyne-sons.example/"),
    ]
    nodes = [
        {
            "@type": "LegalService",
            "name": name,
            "url": url,
            "address": {"addressLocality": "Leeds", "addressCountry": "GB"},
        }
        for name, url in firms
    ]
    people = (law_firm.THOMAS, law_firm.ELEANOR)
    listed = "".join(
        f"<li>{person.name}, {h(person.position)}, Hargreave Lowe: {person.email}</li>" for person in people
    )
    host.page(
        "/leeds",
        _simple("Solicitors in Leeds", "Northern Law Index", f"<ul>{listed}</ul>", ld(*nodes)),
        holds=[person.email for person in people],
    )
    return host


def magazines() -> list[Site]:
    culture = Site(
        "lyon-culture.example", (("Server", "nginx"), ("X-Powered-By", "PHP/8.1.33")), "2026-05-28T07:00:00+00:00"
    )
    culture.page(
        "/agenda/festival-des-ombres",
        _simple(
            "Festival des Ombres",
            "Lyon Culture",
            f"<p>Affiche : {studio.CAMILLE.name}, directrice artistique ({studio.CAMILLE.email}).</p>",
        ),
        holds=[studio.CAMILLE.email],
    )
    trade = Site("frakttidningen.example", (("Server", "Apache"),), "2026-10-30T04:30:00+00:00")
    trade.page(
        "/2026/10/norrfrakt-vaxer",
        _simple(
            "Norrfrakt växer i Japan",
            "Frakttidningen",
            f"<p>{logistics.ASA.name}, vd för Norrfrakt, nås på {logistics.ASA.email}. Säljare: {logistics.MAJA.email}.</p>",
        ),
        holds=[logistics.ASA.email, logistics.MAJA.email],
    )
    code = Site("codehost.example", (("Server", "Caddy"),), "2026-08-11T22:00:00+00:00")
    maintainers = "".join(f"<li>{person.name} &lt;{person.email}&gt;</li>" for person in (startup.TOMASZ, startup.LENA))
    code.page(
        "/quillstack/cli",
        _simple(
            "quillstack/cli",
            "Code Host",
            f"<h2>MAINTAINERS</h2><ul>{maintainers}</ul><pre>npm i @quillstack/cli@3.2.0</pre><img src='/badge@2x.png'>",
        ),
        holds=[startup.TOMASZ.email, startup.LENA.email],
    )
    return [culture, trade, code]


def sites() -> list[Site]:
    return [conference(), blog(), directory(), *magazines()]
