"""Privatbrauerei Zirbel, München: German, TYPO3, umlauts, an Impressum, hCards, a page of the old site in ISO-8859-1."""

from world import Person, Site, as_entities, h, ld, typo3

DOMAIN = "brauerei-zirbel.example"


def _person(first: str, last: str, local: str, position: str, extension: str) -> Person:
    return Person(first, last, position, f"{local}@{DOMAIN}", f"+49 89 99998 {extension}")


ANNEGRET = _person("Annegret", "Zirbel", "annegret.zirbel", "Geschäftsführerin", "101")
MAXIMILIAN = _person("Maximilian", "Zirbel", "maximilian.zirbel", "Geschäftsführer", "102")
JUERGEN = _person("Jürgen", "Großmann", "juergen.grossmann", "Erster Braumeister", "120")
KATHARINA = _person("Katharina", "Öttl", "katharina.oettl", "Leiterin Vertrieb", "130")
FLORIAN = _person("Florian", "Bauer", "florian.bauer", "Vertrieb Gastronomie", "131")
SABINE = _person("Sabine", "Huber", "sabine.huber", "Buchhaltung", "140")
LUKAS = _person("Lukas", "Wagner", "lukas.wagner", "Qualitätssicherung", "121")
THERESA = _person("Theresa", "Maier", "theresa.maier", "Leiterin Marketing und Presse", "150")
BENEDIKT = _person("Benedikt", "Schuster", "benedikt.schuster", "IT-Administrator", "160")
FRANZISKA = _person("Franziska", "Köhler", "franziska.koehler", "Personalreferentin", "141")
TEAM = (ANNEGRET, MAXIMILIAN, JUERGEN, KATHARINA, FLORIAN, SABINE, LUKAS, THERESA, BENEDIKT, FRANZISKA)

SEAT = {
    "@type": "PostalAddress",
    "streetAddress": "Zirbelgasse 7",
    "postalCode": "80331",
    "addressLocality": "München",
    "addressRegion": "Bayern",
    "addressCountry": "DE",
}


def at(local: str) -> str:
    return f"{local}@{DOMAIN}"


def document(title: str, body: str, head: str = "", charset: str = "utf-8") -> str:
    return f"""<!DOCTYPE html>
<html lang="de-DE">
<head>
<meta charset="{charset}">
<title>{h(title)} – Brauerei Zirbel</title>
<meta name="generator" content="TYPO3 CMS">
<meta property="og:site_name" content="Brauerei Zirbel">
<link rel="stylesheet" href="/typo3temp/assets/compressed/merged-5f1c.css">
<script src="/typo3conf/ext/zirbel/Resources/Public/JavaScript/jquery-3.7.1.min.js"></script>
<script>var _paq = window._paq = window._paq || []; _paq.push(['trackPageView']);</script>
{head}
</head>
<body>
<header class="frame"><a href="/"><img src="/fileadmin/zirbel-logo@2x.png" alt="Zirbel"></a>
<nav><ul><li><a href="/biere">Biere</a></li><li><a href="/team">Team</a></li><li><a href="/presse">Presse</a></li><li><a href="/kontakt">Kontakt</a></li></ul></nav></header>
<main id="c1">
{body}
</main>
<footer>
<p>Täglich frisch gezapft im Bräustüberl. <a href="https://www.facebook.com/brauereizirbel/">Facebook</a> · <a href="https://www.instagram.com/brauereizirbel/">Instagram</a></p>
<p><a href="https://www.facebook.com/sharer/sharer.php?u=https%3A%2F%2F{DOMAIN}%2F">Seite teilen</a></p>
<p>© 2026 Privatbrauerei Zirbel GmbH &amp; Co. KG. Alle Rechte vorbehalten. <a href="/impressum">Impressum</a></p>
</footer>
</body>
</html>
"""


def card(person: Person) -> str:
    return f"""<div class="vcard"><h3 class="fn n"><span class="given-name">{h(person.first)}</span> <span class="family-name">{h(person.last)}</span></h3>
<p class="title">{h(person.position)}</p>
<p>Telefon: <span class="tel">{person.phone}</span><br>E-Mail: <a class="email" href="mailto:{person.email}">{person.email}</a></p></div>"""


def site() -> Site:
    headers = (
        ("Server", "Apache/2.4.66 (Debian)"),
        ("X-Powered-By", "PHP/8.3.14"),
        ("Set-Cookie", "fe_typo_user=0b1c2d; path=/; HttpOnly"),
    )
    zirbel = Site(f"www.{DOMAIN}", headers, "2026-09-14T06:02:11+00:00")
    zirbel.page(
        "/",
        document(
            "Helles, Dunkles und Bock aus der Zirbelgasse",
            "<h1>Seit 1871 gebraut im Herzen Münchens</h1><p>Drei Generationen, ein Sudkessel, kein Zuckerrübensirup.</p>",
            '<meta name="description" content="Privatbrauerei in München: Helles, Dunkles und Bock nach dem Rezept von 1871.">\n'
            + f'<link rel="alternate" hreflang="de-AT" href="https://zirbelbier.example/"><link rel="alternate" hreflang="en" href="https://www.{DOMAIN}/en/">\n'
            + ld(
                {
                    "@type": "Brewery",
                    "@id": f"https://www.{DOMAIN}/#brauerei",
                    "name": "Brauerei Zirbel",
                    "legalName": "Privatbrauerei Zirbel GmbH & Co. KG",
                    "url": f"https://www.{DOMAIN}/",
                    "telephone": "+49 89 99998 100",
                    "email": at("info"),
                    "numberOfEmployees": {"@type": "QuantitativeValue", "value": 64},
                    "address": SEAT,
                    "sameAs": ["https://www.facebook.com/brauereizirbel/", "https://www.instagram.com/brauereizirbel/"],
                }
            ),
        ),
        holds=[at("info")],
    )
    zirbel.page(
        "/team",
        document("Unser Team", "<h1>Unser Team</h1>\n" + "\n".join(map(card, TEAM[2:8]))),
        holds=[one.email for one in TEAM[2:8]],
    )
    zirbel.page(
        "/impressum",
        document(
            "Impressum",
            f"""<h1>Impressum</h1>
<p>Privatbrauerei Zirbel GmbH &amp; Co. KG<br>Zirbelgasse 7<br>80331 München</p>
<p>Vertreten durch die Geschäftsführung:<br>{ANNEGRET.name}, Geschäftsführerin<br>E-Mail: {ANNEGRET.email}</p>
<p>{MAXIMILIAN.name}, Geschäftsführer<br>E-Mail: {MAXIMILIAN.email}</p>
<p>Telefon: +49 89 99998 100<br>E-Mail: {as_entities(at("info"))}</p>
<p>Registergericht: Amtsgericht München, HRA 00000<br>Datenschutz: datenschutz&#64;{DOMAIN.replace(".", "&#46;")}</p>""",
        ),
        holds=[ANNEGRET.email, MAXIMILIAN.email, at("info"), at("datenschutz")],
    )
    zirbel.page(
        "/kontakt",
        document(
            "Kontakt",
            f"""<h1>Kontakt</h1><p itemscope itemtype="https://schema.org/PostalAddress"><span itemprop="streetAddress">Zirbelgasse 7</span>,
<span itemprop="postalCode">80331</span> <span itemprop="addressLocality">München</span></p>
<p>Allgemeines: <a href="mailto:{at("info")}">{at("info")}</a></p>
<p>Bestellung: <a href="&#109;ailto:bestellung&#64;{DOMAIN}">bestellung&#64;{DOMAIN}</a>, Telefon 089 99998-110</p>
<p>Brauereiführungen: fuehrung(at){DOMAIN}</p>
<form action="/kontakt" method="post"><input name="mail" type="email" placeholder="Ihre E-Mail-Adresse"></form>""",
        ),
        holds=[at("info"), at("bestellung"), at("fuehrung")],
    )
    zirbel.page(
        "/presse",
        document(
            "Presse",
            f"""<h1>Presse</h1><p>Bilder und Auskünfte:</p>
<p><strong>{THERESA.name}</strong><br>{h(THERESA.position)}<br>Tel. {THERESA.phone}<br>
<a href="mailto:theresa.maier%40{DOMAIN}?subject=Presseanfrage%20Zirbel">E-Mail schreiben</a></p>
<p>Verteiler: <a href="MAILTO:presse@{DOMAIN.upper()}">Presse@Brauerei-Zirbel.example</a></p>""",
        ),
        holds=[THERESA.email, at("presse")],
    )
    zirbel.page(
        "/karriere",
        document(
            "Karriere",
            f"""<h1>Brauer und Mälzer (m/w/d) gesucht</h1><p>Fragen beantwortet Ihnen gern {FRANZISKA.name}, {h(FRANZISKA.position)}:
franziska.koehler [at] brauerei-zirbel [dot] example, Telefon {FRANZISKA.phone}.</p><p>Bewerbungen an jobs [at] {DOMAIN}.</p>""",
        ),
        holds=[FRANZISKA.email, at("jobs")],
    )
    zirbel.page(
        "/handel",
        document(
            "Für den Handel",
            f"""<h1>Ansprechpartner für den Handel</h1>
<p>{BENEDIKT.name}, {h(BENEDIKT.position)} (EDI und Bestellportal):
<a href="javascript:linkTo_UnCryptMailto('{typo3(BENEDIKT.email)}');">benedikt.schuster(at){DOMAIN.partition(".")[0]}</a></p>
<p>Leergut: <a href="javascript:linkTo_UnCryptMailto('{typo3(at("leergut"))}');">Nachricht senden</a></p>""",
        ),
        guarded=[BENEDIKT.email, at("leergut")],
    )
    zirbel.page(
        "/biere",
        document(
            "Unsere Biere",
            "<h1>Unsere Biere</h1><ul><li>Zirbel Helles 4,9 %</li><li>Zirbel Dunkel 5,2 %</li><li>Zwickl @ 3,90 € je Halbe</li></ul>",
        ),
    )
    zirbel.page(
        "/biere/zirbel-helles",
        document(
            "Zirbel Helles",
            '<h1>Zirbel Helles</h1><p>Stammwürze 11,8 %.</p><img srcset="/fileadmin/helles@2x.jpg 2x, /fileadmin/helles@3x.jpg 3x" src="/fileadmin/helles.jpg">',
        ),
    )
    zirbel.page(
        "/geschichte.html",
        document(
            "Geschichte des Hauses",
            f"<h1>Geschichte</h1><p>Im Jahre 1871 braute Xaver Zirbel für die Gäste der Münchner Märkte …</p>"
            f"<p>Das Hausarchiv betreut {JUERGEN.name}, {h(JUERGEN.position)}: <a href='mailto:archiv@{DOMAIN}'>archiv@{DOMAIN}</a></p>".replace(
                "…", "..."
            ),
            charset="iso-8859-1",
        ).replace("–", "-"),
        holds=[at("archiv")],
        at="2026-02-03T09:00:00+00:00",
        charset="iso-8859-1",
    )
    zirbel.page(
        "/aktuelles/brauereifest-2026",
        document(
            "Brauereifest 2026",
            f"""<article><h1>Brauereifest 2026</h1><p>Anmeldung von Vereinen bei {FLORIAN.name} ({h(FLORIAN.position)}), {FLORIAN.email}, Telefon {FLORIAN.phone}.</p></article>""",
        ),
        holds=[FLORIAN.email],
        coding="gzip",
    )
    zirbel.page(
        "/en/",
        document(
            "Munich beer since 1871",
            f"""<h1>Visit us</h1><p>Brewery tours in English: tours at brauerei-zirbel dot example. We met at hopfenblick.example, too.</p>
<p>Export: {KATHARINA.name}, Head of Sales, {KATHARINA.email}</p>""",
        ),
        holds=[at("tours"), KATHARINA.email],
    )
    zirbel.answer("/brauerei", "301 Moved Permanently", headers=(("Location", f"https://www.{DOMAIN}/"),))
    zirbel.answer("/fileadmin/zirbel-logo@2x.png", "200 OK", b"\x89PNG\r\n\x1a\n" + bytes(range(64)), "image/png")
    zirbel.answer(
        "/shop",
        "404 Not Found",
        document("Nicht gefunden", f"<h1>404</h1><p>Fehler melden: webmaster@{DOMAIN}</p>").encode(),
        "text/html; charset=utf-8",
    )
    zirbel.revisit("/team", "2026-11-09T07:40:00+00:00")
    return zirbel
