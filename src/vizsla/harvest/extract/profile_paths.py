"""
Is this the kind of page on which a company speaks of itself?

Judged by the last segment of the path alone: `/company/about` is such a page, `/company/some-client` of a directory is not.
"""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

_HOME = frozenset(
    {
        "",
        "index",
        "default",
        "home",
        "homepage",
        "start",
        "welcome",
        "main",
        "accueil",
        "startseite",
        "inicio",
        "etusivu",
        "hem",
        "hjem",
    }
)
_EXTENSION = re.compile(r"\.(?:html?|xhtml|php\d?|aspx?|jsp|cfm|do)\Z")
_SEPARATORS = re.compile(r"[-_+.\s]")
_ASCII_SEPARATORS = {code: None for code in range(128) if _SEPARATORS.match(chr(code))}
_LANGUAGE = re.compile(r"[a-z]{2}(?:[-_][a-z]{2,4})?\Z")

# One line a language; hyphens are taken out before the look-up, accents too.
_WORDS = """
about aboutus aboutcompany company companyinfo companyprofile profile whoweare whatwedo ourstory ourcompany ourteam meettheteam meetourteam
team teams theteam people ourpeople staff stafflist staffdirectory directory employees leadership leadershipteam management managementteam
executives board boardofdirectors directors founders partners faculty attorneys lawyers solicitors experts advisors crew
contact contacts contactus getintouch reachus findus offices ouroffices locations headquarters
press pressroom presskit presscontact mediacontact newsroom media investors investorrelations imprint legal legalnotice credits
impressum kontakt kontakte kontaktformular ansprechpartner ansprechpersonen ueberuns uberuns unternehmen firma wirueberuns wir
mitarbeiter mitarbeitende mitarbeiterinnen geschaeftsfuehrung geschaftsfuhrung geschaeftsleitung vorstand anfahrt standorte presse pressekontakt
anbieterkennzeichnung rechtliches dasteam unserteam teamundkontakt kontaktimpressum impressumdatenschutz
apropos quisommesnous entreprise societe equipe lequipe notreequipe contactez contacteznous nouscontacter mentionslegales presse
espacepresse dirigeants direction nosbureaux lagence agence lestudio studio
contacto contactenos contactanos nosotros quienessomos sobrenosotros acercade equipo nuestroequipo empresa laempresa avisolegal prensa directorio
contatti contatto contattaci chisiamo azienda lazienda squadra ilteam ilnostroteam notelegali stampa dovesiamo
contato contatos faleconosco quemsomos sobre sobrenos equipa nossaequipe nossaequipa aempresa imprensa avisolegal
overons contactgegevens medewerkers onsteam onzemensen bedrijf hetbedrijf colofon pers wiezijnwij
omoss kontaktaoss kontaktuppgifter medarbetare personal foretaget ledning ledningsgrupp vartteam
omos kontaktos medarbejdere virksomheden ledelse holdet presse
kontaktoss ansatte menneskene bedriften selskapet
yhteystiedot meista tietoameista otayhteytta henkilosto henkilokunta yritys tiimi johto media
onas ofirmie zespol nasizespol kontakty firma redakcja kierownictwo
ospolecnosti tym nastym lide vedeni lidi napistenam
kapcsolat rolunk impresszum csapat munkatarsak cegunk sajto
desprenoi despre echipa contacte conducere
iletisim hakkimizda ekibimiz kunye kurumsal bizeulasin yonetim
kontakty okompanii komanda контакты онас окомпании команда руководство сотрудники пресса контакти пронас
επικοινωνια epikoinonia sxetikamemas ποιοιειμαστε
会社概要 会社案内 企業情報 お問い合わせ スタッフ スタッフ紹介 採用情報 アクセス gaiyo gaiyou kaisya kaisha toiawase otoiawase
关于我们 联系我们 关于 联系 团队 公司简介 聯絡我們 關於我們 guanyuwomen lianxiwomen 회사소개 연락처 오시는길
"""
_SEGMENTS = frozenset(_WORDS.split())


def is_home_path(uri: str) -> bool:
    """Whether *uri* is a site's front page, one of a language (`/en/`, `/de-at/index.html`) included."""
    return _name_of_page(uri) in _HOME


def is_profile_path(uri: str) -> bool:
    """Whether *uri* looks like a home, about, contact, team, press or imprint page in one of some twenty languages."""
    name = _name_of_page(uri)
    return name in _HOME or name in _SEGMENTS


@lru_cache(1_024)
def _name_of_page(uri: str) -> str:
    """The last segment that is no language and no index, folded and without hyphens; empty for a front page, `?` for none."""
    if len(uri) > 2_048:
        return "?"
    path = (uri.partition("//")[2] or uri).partition("?")[0].partition("#")[0].partition("/")[2]
    segments = [segment for segment in (unquote(path) if "%" in path else path).split("/") if segment]
    if len(segments) > 5:
        return "?"
    while segments:
        segment = segments.pop()
        name = _fold(segment)
        if name not in _HOME and (segments or not _is_language(segment.lower(), name)):
            return name
    return ""


def _is_language(segment: str, name: str) -> bool:
    # `om-oss` is Swedish for "about us", not Oromo.
    return bool(_LANGUAGE.match(segment)) and name not in _SEGMENTS


def _fold(segment: str) -> str:
    # The extension of a static page goes (`impressum.html`); a version or a date is no name and stays what it is.
    stem = segment.lower()
    if "." in stem:
        stem = _EXTENSION.sub("", stem)
    if not stem.isascii():
        decomposed = unicodedata.normalize("NFKD", stem.replace("ß", "ss"))
        plain = "".join(character for character in decomposed if not unicodedata.combining(character))
        return _SEPARATORS.sub("", unicodedata.normalize("NFC", plain))
    # Every page of a crawl is asked for its name, the many that the gate turns away too.
    return stem.translate(_ASCII_SEPARATORS)
