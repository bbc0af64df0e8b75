"""
Which part of a title is the company's name, and what does its legal form say?

A name is believed when it resembles the domain; a slogan seldom does.
"""

import re
import unicodedata

MAX_NAME = 120

_SEPARATOR = re.compile(r"\s+[|·•»«:/~*]+\s+|\s*[|·•»«]\s*|\s+[-–—]+\s+|:\s+|\s*::\s*|\s*｜\s*|\s*【\s*|\s*】\s*")
_COPYRIGHT = re.compile(
    r"(?:©|&copy;|&#169;|\(c\)|copyright)\s*(?:©|&copy;|\(c\))?\s*(?:by\s+)?(?:\d{4}\s*(?:[-–—/]\s*(?:\d{2,4}|today|present|heute)\s*)?)?,?\s*(?:by\s+)?",
    re.IGNORECASE,
)
_AFTER_NAME = re.compile(
    r"\s*(?:[|·•©–—]|(?<=\.)\s+(?=(?:the|any|we|this|site|web|design|use)\b)|,?\s*\b(?:all rights|alle rechte|tous droits|todos los|tutti i|alla rättigheter|rights reserved|impressum|imprint|privacy|legal|\d{4}|made\b|powered|registered|a company|proudly|theme)\b).*",
    re.IGNORECASE | re.DOTALL,
)
_ABBREVIATED = re.compile(r"(?:\.\w{1,2}|\b(?:inc|ltd|co|corp|bros|esq|jr))\.\Z", re.IGNORECASE)

# Legal form, written without dots and spaces -> LinkedIn's word, None where the form does not tell
# (an Inc. or an AG may be listed on an exchange or not).
_FORMS: dict[str, str | None] = {
    "gmbh": "Privately Held", "gmbhcokg": "Privately Held", "gmbhcokgaa": None, "ug": "Privately Held", "ughaftungsbeschränkt": "Privately Held",
    "kg": "Partnership", "ohg": "Partnership", "gbr": "Partnership", "partg": "Partnership", "partgmbb": "Partnership",
    "ek": "Sole Proprietorship", "eu": "Sole Proprietorship", "ekfr": "Sole Proprietorship", "ev": "Nonprofit", "ggmbh": "Nonprofit", "eg": None,
    "ag": None, "se": None, "kgaa": None, "inc": None, "incorporated": None, "corp": None, "corporation": None, "co": None, "company": None,
    "llc": "Privately Held", "lllp": "Partnership", "llp": "Partnership", "lp": "Partnership",
    "ltd": None, "limited": None, "plc": "Public Company", "pvtltd": "Privately Held", "privatelimited": "Privately Held", "ptyltd": "Privately Held",
    "pteltd": "Privately Held", "cic": "Nonprofit",
    "sarl": "Privately Held", "sas": "Privately Held", "sasu": "Privately Held", "eurl": "Privately Held", "sa": None, "snc": "Partnership", "sci": None,
    "srl": "Privately Held", "srls": "Privately Held", "spa": None, "sl": "Privately Held", "slu": "Privately Held", "lda": "Privately Held", "ltda": "Privately Held",
    "bv": "Privately Held", "nv": None, "vof": "Partnership", "bvba": "Privately Held",
    "ab": None, "aktiebolag": None, "aps": "Privately Held", "as": None, "asa": "Public Company", "oy": "Privately Held", "oyj": "Public Company", "hb": "Partnership",
    "ehf": "Privately Held", "spzoo": "Privately Held", "sro": "Privately Held", "doo": "Privately Held", "kft": "Privately Held", "zrt": "Privately Held",
    "nyrt": "Public Company", "ou": "Privately Held", "sia": "Privately Held", "uab": "Privately Held", "kk": None, "gk": "Privately Held", "coltd": None,
}  # fmt: skip
_DOTTED = frozenset({"ek", "eu", "ev", "eg"})
"""Forms that are words without their dots: "Acme EU" is no Austrian sole trader."""
_JAPANESE_FORMS = ("株式会社", "有限会社", "合同会社", "（株）", "㈱")


def fold(text: str) -> str:
    """*text* in lower case without accents, ß as ss."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def split_legal_form(name: str) -> tuple[str, str | None]:
    """*name* without its legal form, and that form squeezed (`gmbhcokg`), or None if it has none."""
    for form in _JAPANESE_FORMS:
        if name.startswith(form) or name.endswith(form):
            return name.replace(form, "").strip(), form
    words = name.split()
    for taken in range(min(5, len(words) - 1), 0, -1):
        squeezed = re.sub(r"[^\w]|_", "", "".join(words[-taken:]).casefold())
        if squeezed in _DOTTED and "." not in words[-1]:
            continue
        if squeezed in _FORMS:
            return " ".join(words[:-taken]).rstrip(" ,&"), squeezed
    return name, None


def company_type_of(name: str, country: str | None = None) -> str | None:
    """What the legal form of *name* says of who owns the company, in LinkedIn's words; None where it does not tell."""
    form = split_legal_form(name)[1]
    if form in {"ltd", "limited"} and country in {"GB", "IE"}:
        # A British or Irish company whose shares are offered to the public must be a plc (Companies Act 2006, section 755).
        return "Privately Held"
    return _FORMS.get(form or "")


def resembles(name: str, domain: str) -> bool:
    """Whether *name* could be what the first label of the registrable *domain* was made from."""
    label = domain.partition(".")[0].replace("-", "")
    if label.startswith("xn"):
        try:
            label = fold(domain.partition(".")[0].encode("ascii").decode("idna")).replace("-", "")
        except UnicodeError:
            return False
    bare = split_legal_form(name)[0][:MAX_NAME]
    for spelling in {fold(bare), fold(_spell_umlauts(bare))}:
        words = re.findall(r"[^\W_]+", spelling)
        joined = "".join(words)
        if not joined:
            continue
        if joined in (label, "the" + label) or "".join(word[0] for word in words) == label:
            return True
        if len(joined) >= 4 and joined in label and 2 * len(joined) >= len(label):
            return True
        if len(label) >= 4 and label in joined and 3 * len(label) >= len(joined):
            return True
        if any(len(word) >= 4 and label.startswith(word) and 2 * len(word) >= len(label) for word in words[:2]):
            return True
    return False


def name_in_title(title: str, domain: str) -> str | None:
    """The segment of a page's *title* that resembles its *domain*, or None: a slogan is no name."""
    candidates = [stripped for part in _SEPARATOR.split(title[:300]) if part and (stripped := part.strip(" -–—,:|·"))]
    fitting = [
        part for part in candidates if len(part.split()) <= 6 and len(part) <= MAX_NAME and resembles(part, domain)
    ]
    # "Acme Blog | Acme": the shortest that fits is the name alone.
    return min(fitting, key=lambda part: (len(part), candidates.index(part))) if fitting else None


def name_in_copyright(text: str, domain: str) -> str | None:
    """Whom the last copyright line of *text* (tags taken out) names, if that resembles *domain*."""
    found = None
    for match in _COPYRIGHT.finditer(text[-4_000:]):
        found = match
    if found is None:
        return None
    line = text[-4_000:][found.end() : found.end() + MAX_NAME].partition("\n")[0]
    name = _AFTER_NAME.sub("", line).strip(" ,:-–—").lstrip(". ")
    name = _end_at_form(name)
    if name.endswith(".") and not _ABBREVIATED.search(name):
        name = name.rstrip(" .")
    return name if 2 <= len(name) <= 80 and len(name.split()) <= 8 and resembles(name, domain) else None


def _end_at_form(line: str) -> str:
    # "Acme LLP. Authorised and regulated": the company ends with the last sentence that ends with a legal form.
    if split_legal_form(line)[1]:
        return line
    ends = [match.start() for match in re.finditer(r"\.\s", line)]
    return next((line[: end + 1] for end in reversed(ends) if split_legal_form(line[:end])[1]), line)


def _spell_umlauts(text: str) -> str:
    return (
        text.casefold().replace("ä", "ae").replace("ö", "oe").replace("ü", "ue").replace("ø", "oe").replace("å", "aa")
    )
