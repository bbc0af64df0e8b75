"""
Does a path or an anchor text promise people to write to?

Stems in the languages that most company sites are written in; a stem counts at the beginning of a word.
"""

import re
import unicodedata
from functools import lru_cache

_STEMS = {
    100: """contact kontakt contatt contatto contacto contato kontak yhteys yhteystied elerhetoseg iletisim ansprechpartner
            reach-us get-in-touch nous-ecrire ecrivez""",
    95: "impressum imprint mentions-legales note-legali aviso-legal colofon impresum",
    90: """team equipe equipo squadra mitarbeiter mannschaft medarbejder medarbetare ansatte personal people staff leadership
           management vorstand geschaeftsfuehr geschaftsfuhr leitung direction directivos direzione dirigenti directors board
           executives founders employees henkilosto zespol tym tymu csapat ekip crew faculty attorneys lawyers anwaelte
           personale medewerkers ledelse ledning johto colaboradores kadro who-we-are qui-sommes quienes-somos chi-siamo
           quem-somos wer-wir wie-zijn-wij o-nas o-firme kdo-jsme""",
    75: """about ueber uber about-us a-propos apropos acerca sobre nosotros over-ons om-os om-oss tietoa meista hakkimizda
           rolunk unternehmen entreprise empresa azienda bedrijf company firma foretag virksomhed profil""",
    60: """press presse prensa stampa imprensa pers media newsroom lehdisto basin tisk sajto journalist speaker""",
    50: """office standort location sede filial agence oficina kantoor sucursal niederlassung branch dealer support service-client
           kundenservice help customer""",
    35: """author autor auteur autore redaktion redaction redazione editorial masthead privacy datenschutz privacidad
           confidentialite legal investor partner sales vertrieb""",
    20: "career karriere carriere jobs job stellen empleo lavoro vacature emploi trabalhe",
    -30: """tag tags category kategorie archive product produkt shop cart login signin register account search suche wishlist
            checkout feed""",
}
_ANYWHERE = {
    100: "контакт|связаться|联系|聯絡|聯繫|お問い合わせ|問合せ|연락|문의|επικοινων|اتصل|تواصل|צור קשר|צור-קשר|संपर्क",
    90: "команда|сотрудник|руковод|团队|團隊|成员|チーム|メンバー|役員|임직원|ομάδα|فريق|הצוות",
    75: "о нас|о-нас|о компании|о-компании|关于|關於|会社概要|会社案内|企業情報|회사소개|σχετικά|من نحن|אודות",
    60: "пресс|新闻中心|媒体|プレス|보도|τύπος",
}
"""Scripts without spaces, and those whose words we would have to inflect: looked for anywhere in the text."""
_BY_STEM = sorted(
    ((stem, weight) for weight, stems in _STEMS.items() for stem in stems.split()), key=lambda pair: -len(pair[0])
)
_FOLDED = dict.fromkeys(range(0x300, 0x370)) | str.maketrans(
    {"ø": "o", "ł": "l", "ı": "i", "ß": "ss", "æ": "ae", "đ": "d"}
)
_BREAKS = re.compile(r"[^a-z0-9]+")


def word_score(path: str, text: str = "") -> float:
    """How much *path* (percent-decoded) and the anchor *text* promise; the better of the two, 0 when neither says anything."""
    return max(_score(path[:300]), 0.9 * _score(text[:120]), key=abs)


@lru_cache(8_192)
def _score(text: str) -> float:
    folded = unicodedata.normalize("NFKD", text.lower()).translate(_FOLDED)
    words = "-" + _BREAKS.sub("-", folded) + "-"
    best = max((weight for stem, weight in _BY_STEM if f"-{stem}" in words), default=0)
    if not text.isascii():
        composed = unicodedata.normalize("NFC", text.lower())
        for weight, stems in _ANYWHERE.items():
            if weight > best and any(stem in composed for stem in stems.split("|")):
                best = weight
    return float(best)
