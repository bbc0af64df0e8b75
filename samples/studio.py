"""Atelier Vermillon, Lyon: French, WordPress, addresses guarded in every old-fashioned way."""

import codecs

from world import Person, Site, h, ld

DOMAIN = "atelier-vermillon.example"


def _person(first: str, last: str, local: str, position: str, extension: str = "") -> Person:
    return Person(first, last, position, f"{local}@{DOMAIN}", f"04 65 71 12 {extension}" if extension else "")


CAMILLE = _person("Camille", "Rousseau", "camille", "Fondatrice et directrice artistique", "01")
ETIENNE = _person("Étienne", "Marchand", "etienne", "Cofondateur, directeur de création", "02")
LEA = _person("Léa", "Fontaine", "lea", "Designer graphique", "03")
HUGO = _person("Hugo", "Perrin", "hugo", "Développeur web", "04")
MANON = _person("Manon", "Lefèvre", "manon", "Cheffe de projet", "05")
BASTIEN = _person("Bastien", "Garnier", "bastien", "Dessinateur de caractères")
CHLOE = _person("Chloé", "Dumas", "chloe", "Stagiaire en design")
NATHALIE = _person("Nathalie", "Brun", "nathalie", "Comptable", "09")


def at(local: str) -> str:
    return f"{local}@{DOMAIN}"


def document(title: str, body: str, head: str = "") -> str:
    return f"""<!doctype html>
<html lang="fr-FR"><head><meta charset="UTF-8"><title>{h(title)} — Atelier Vermillon</title>
<meta name="generator" content="WordPress 6.8.3"><meta property="og:site_name" content="Atelier Vermillon">
<link rel="stylesheet" href="/wp-content/themes/vermillon/style.css?ver=6.8.3"><link rel="https://api.w.org/" href="https://{DOMAIN}/wp-json/">
<script src="/wp-includes/js/jquery/jquery.min.js?ver=3.7.1"></script><link rel="stylesheet" href="https://fonts.googleapis.com/css2?family=Spectral">
<style>.cache{{display:none}} .envers{{unicode-bidi:bidi-override;direction:rtl}} @media print{{body{{color:#000}}}}</style>
{head}</head><body class="wp-theme-vermillon">
<header><nav><a href="/">Accueil</a> <a href="/studio/">Le studio</a> <a href="/equipe/">L’équipe</a> <a href="/contact/">Contact</a></nav></header>
<main>{body}</main>
<footer><p><a href="https://www.instagram.com/ateliervermillon/">Instagram</a> <a href="https://www.instagram.com/p/Cx0sample/">notre dernière image</a></p>
<p>© 2026 Atelier Vermillon SARL — <a href="/mentions-legales/">Mentions légales</a></p></footer></body></html>
"""


def site() -> Site:
    headers = (
        ("Server", "nginx"),
        ("X-Powered-By", "PHP/8.2.29"),
        ("Link", f'<https://{DOMAIN}/wp-json/>; rel="https://api.w.org/"'),
    )
    atelier = Site(DOMAIN, headers, "2026-08-24T13:20:00+00:00")
    atelier.page(
        "/",
        document(
            "Studio de design graphique à Lyon",
            "<h1>Des signes qui durent</h1><p>Identités, livres, caractères, sites.</p>",
            '<meta name="description" content="Atelier Vermillon, studio de design graphique à Lyon : identité visuelle, édition et caractères.">'
            + f'<link rel="alternate" hreflang="en" href="https://{DOMAIN}/en/">'
            + ld(
                {
                    "@type": "ProfessionalService",
                    "name": "Atelier Vermillon",
                    "url": f"https://{DOMAIN}/",
                    "telephone": "04 65 71 12 00",
                    "address": {
                        "@type": "PostalAddress",
                        "streetAddress": "18 montée des Tisserands",
                        "postalCode": "69001",
                        "addressLocality": "Lyon",
                        "addressCountry": "France",
                    },
                    "sameAs": "https://www.instagram.com/ateliervermillon/",
                }
            ),
        ),
    )
    atelier.page(
        "/equipe/",
        document(
            "L’équipe",
            f"""<h1>L’équipe</h1>
<article><h2>{CAMILLE.name}</h2><p>{h(CAMILLE.position)}</p><p>camille [at] atelier-vermillon [dot] example — {CAMILLE.phone}</p></article>
<article><h2>{ETIENNE.name}</h2><p>{h(ETIENNE.position)}</p><p>etienne(at){DOMAIN} — {ETIENNE.phone}</p></article>
<article><h2>{LEA.name}</h2><p>{h(LEA.position)}</p><p>lea AT {DOMAIN} — {LEA.phone}</p></article>
<article><h2>{MANON.name}</h2><p>{h(MANON.position)}</p><p><a href="mailto:{MANON.email}">{MANON.email}</a> — {MANON.phone}</p></article>
<article><h2>{BASTIEN.name}</h2><p>{h(BASTIEN.position)}</p><p>bastien&commat;{DOMAIN}</p></article>""",
        ),
        holds=[CAMILLE.email, ETIENNE.email, LEA.email, MANON.email, BASTIEN.email],
    )
    atelier.page(
        "/contact/",
        document(
            "Contact",
            f"""<h1>Contact</h1><p>Tél. 04 65 71 12 00</p><p>Projets : contact<span class="cache" style="display:none">sans-spam</span>@{DOMAIN}</p>
<p>Presse : <span class="spamspan"><span class="u">presse</span> [at] <span class="d">{DOMAIN}</span></span></p>
<p>Stages : stages@<b>atelier</b>-vermillon.<i>example</i></p>""",
        ),
        holds=[at("presse"), at("stages")],
        guarded=[at("contact")],
    )
    atelier.page(
        "/mentions-legales/",
        document(
            "Mentions légales",
            f"""<h1>Mentions légales</h1><p>Atelier Vermillon SARL, 18 montée des Tisserands, 69001 Lyon.</p>
<p>Directrice de la publication : {CAMILLE.name}.</p><p>Comptabilité : {NATHALIE.name}, {NATHALIE.position}, nathalie@{DOMAIN}, {NATHALIE.phone}</p>
<p>Hébergement : <a href="mailto:abuse@hebergeur-du-rhone.example">abuse@hebergeur-du-rhone.example</a></p>""",
        ),
        holds=[NATHALIE.email, "abuse@hebergeur-du-rhone.example"],
    )
    turned = codecs.encode(HUGO.email, "rot13")
    atelier.page(
        "/studio/",
        document(
            "Le studio",
            f"""<h1>Le studio</h1><p>Le site est tenu par {HUGO.name}, {h(HUGO.position)} :
<a href="javascript:;" data-enc-email="{turned.replace("@", "[at]")}" class="mail-link">lui écrire</a>, {HUGO.phone}</p>
<p>Visites : <span class="envers" style="unicode-bidi:bidi-override;direction:rtl">{at("visites")[::-1]}</span></p>""",
        ),
        guarded=[HUGO.email, at("visites")],
    )
    for slug, title, text in (
        ("librairie-du-quai", "Librairie du Quai", "Une enseigne, trois formats, deux couleurs."),
        ("festival-des-ombres", "Festival des Ombres", "Affiches en sérigraphie, 70 × 100 cm."),
        ("caractere-soyeux", "Le caractère Soyeux", "Douze graisses ; licence à partir de 40 € @ un poste."),
    ):
        atelier.page(
            f"/projets/{slug}/",
            document(
                title,
                f'<h1>{h(title)}</h1><p>{h(text)}</p><img src="/wp-content/uploads/2026/03/{slug}@2x.jpg" alt="">',
            ),
        )
    atelier.page(
        "/journal/une-stagiaire-raconte/",
        document(
            "Une stagiaire raconte",
            f"<article><h1>Une stagiaire raconte</h1><p>Par {CHLOE.name}, {h(CHLOE.position)} (chloe at atelier-vermillon dot example)</p></article>",
        ),
        holds=[CHLOE.email],
    )
    atelier.page(
        "/en/",
        document(
            "Graphic design studio in Lyon",
            f"<h1>Signs that last</h1><p>Write to {CAMILLE.name}, founder and art director: {CAMILLE.email}</p>",
        ),
        holds=[CAMILLE.email],
        coding="gzip",
    )
    atelier.answer("/index.php", "301 Moved Permanently", headers=(("Location", f"https://{DOMAIN}/"),))
    return atelier
