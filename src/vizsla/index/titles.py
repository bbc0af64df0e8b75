"""
What does a person with this title do?

Seniority and department in the API's words, by ordered rules over words and stems in English, German, French, Spanish,
Italian and Dutch, compared without case and accents. None where no rule speaks: a title we do not know is not a guess.
The order is part of the rules: "CEO and head of sales" is read as the first, "sales engineer" by what comes first here.
"""

import re
import unicodedata

SENIORITIES = ("junior", "senior", "executive")
DEPARTMENTS = (
    "executive", "it", "finance", "management", "sales", "legal", "support", "hr", "marketing", "communication",
    "education", "design", "health", "operations",
)  # fmt: skip

MAX_POSITION = 120


def infer_seniority(position: str) -> str | None:
    """How senior a title is, or None where it does not say."""
    text = fold(position)
    return next((seniority for seniority, rule in _SENIORITY_RULES if rule.search(text)), None)


def infer_department(position: str) -> str | None:
    """Where a person with this title works, or None where it does not say."""
    text = fold(position)
    return next((department for department, rule in _DEPARTMENT_RULES if rule.search(text)), None)


def normalise_position(raw: str) -> str | None:
    """A title as a page wrote it, fit to be shown: one line, no shouting, abbreviations of rank written out."""
    text = " ".join(raw.split()).strip(" ,;:|/–—-·•*")
    if not any(character.isalpha() for character in text):
        return None
    letters = [character for character in text if character.isalpha()]
    if len(letters) > 3 and (all(c.isupper() for c in letters) or all(c.islower() for c in letters)):
        text = " ".join(_cased(word, at) for at, word in enumerate(text.split(" ")))
    for short, full in _WRITTEN_OUT:
        text = short.sub(full, text)
    return text[:MAX_POSITION].rstrip()


def fold(text: str) -> str:
    """*text* in lower case without accents, as the rules and the search of titles compare it."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


_ACRONYMS = frozenset(
    {"ceo", "cto", "cfo", "coo", "cmo", "cio", "ciso", "cpo", "cro", "chro", "cdo", "cso", "cco", "vp", "svp", "evp", "avp",
     "it", "hr", "pr", "qa", "ux", "ui", "seo", "b2b", "b2c", "pdg", "dpo", "sre", "crm", "erp", "pmo", "phd", "md", "usa",
     "uk", "eu", "emea", "apac", "r&d", "ai", "ml", "rh", "edv", "daf", "drh", "dsi", "sea", "sem", "pa", "ea", "hse"}
)  # fmt: skip
_SMALL_WORDS = "of and the for to in at on und der die das für von de des du la le et pour y para e di del della van en"
_SMALL = frozenset(_SMALL_WORDS.split())
_WRITTEN_OUT = (
    (re.compile(r"\bSr\.?(?=\s)"), "Senior"),
    (re.compile(r"\bJr\.?(?=\s)"), "Junior"),
    (re.compile(r"\bMgr\b\.?"), "Manager"),
    (re.compile(r"\bDir\.(?=\s|$)"), "Director"),
    (re.compile(r"\bAsst\b\.?"), "Assistant"),
    (re.compile(r"\bAssoc\.(?=\s)"), "Associate"),
)


def _cased(word: str, at: int) -> str:
    bare = word.strip(".,()/&").lower()
    if bare in _ACRONYMS:
        return word.upper()
    if at and bare in _SMALL:
        return word.lower()
    return re.sub(r"[^\W\d_]+(?:['’][^\W\d_]+)?", lambda match: match[0][:1].upper() + match[0][1:].lower(), word)


def _rule(words: str, stems: str = "") -> re.Pattern[str]:
    """Whole *words* (with spaces for gaps, `|` between) or words that begin with one of *stems*."""
    parts = []
    if words:
        parts.append(r"\b(?:" + words + r")\b")
    if stems:
        parts.append(r"\b(?:" + stems + r")")
    return re.compile("|".join(parts))


# A person of the board, whatever else the title says. "Product owner" and "vice president" are not.
_HEADS_OF_COMPANY = (
    r"ceo|chief executive|(?:co-?)?founder|(?:co-?)?founding partner|(?<!product )(?<!process )(?<!data )owner"
    r"|(?<!vice )(?<!vice-)president|chairman|chairwoman|chairperson|chair of the board|managing director|managing partner"
    r"|general director|board member|member of the board|supervisory board|vorstand|vorstandsvorsitzende[r]?|aufsichtsrat"
    r"|geschaftsfuhr\w*|geschaeftsfuehr\w*|geschaftsleit\w+|inhaber(?:in)?|eigentumer(?:in)?|grunder(?:in)?"
    r"|pdg|president directeur general|directeur general|directrice generale|gerant[e]?|fondateur|fondatrice|co-?fondateur|co-?fondatrice"
    r"|dirigeant[e]?|director general|directora general|gerente general|consejero delegado|consejera delegada|fundador[a]?"
    r"|propietari[oa]|presidente|amministrat(?:ore|rice) delegat[oa]|amministratore unico|direttore generale|titolare|fondatore|fondatrice"
    r"|algemeen directeur|eigenaar|eigenares|oprichter|bestuurder|bestuursvoorzitter|prasident(?:in)?"
)
_CHIEFS = r"chief(?: \w+){0,3} officer|chief|c[tfomipsrd]o|ciso|chro|cmio|cxo"

_SENIORITY_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("junior", _rule(
        r"junior|jr|intern|internship|trainee|apprentice|graduate trainee|student assistant|working student|entry[ -]level"
        r"|(?:executive|personal|team|office|administrative|management) assistants?|assistants? (?:to|of)|secretary"
        r"|azubi|volontar(?:in)?|dual(?:er|e) student(?:in)?|hilfskraft|assistenz|assistent(?:in)? der geschaftsfuhrung"
        r"|stagiaire|alternant[e]?|apprenti[e]?|assistante? de direction|becari[oa]|practicante|stagista|tirocinante|apprendista"
        r"|stagiair[e]?|leerling|directiesecretar\w+",
        r"werkstudent|praktikant|auszubildend|sekretar|secretari[ao]?\b",
    )),
    ("executive", _rule(
        _HEADS_OF_COMPANY + "|" + _CHIEFS + r"|vice[ -]president|[se]?vp|avp|partner|equity partner|executive director|prokurist(?:in)?"
        r"|vice[ -]presidente|vicepresidente|socio|socia|associe[e]?|vennoot|general manager|generalbevollmachtigte[r]?"
        # An account, sales or marketing executive carries a company's plans out, and leads nobody.
        r"|^(?:senior )?executive|executive (?:board|committee|team|chair\w*|officer|partner|vice)|non-?executive",
    )),
    ("senior", _rule(
        r"senior|sr|lead|principal|staff (?:\w+ )?engineer|head|director|manager|supervisor|team leader|dean|chair|professor"
        r"|chef(?:fe)?|chef de \w+|responsable|directeur|directrice|jefe|jefa|director[a]?|gerente|encargad[oa]|coordinador[a]?"
        r"|responsabile|direttore|direttrice|capo|hoofd|leidinggevende|teamleider|directeur|superintendent|fellow"
        r"|sachgebietsleit\w+|meister(?:in)?|expert|experte|architect|of counsel|prof",
        r"leiter|leitung|leitend|abteilungsleit|teamleit|bereichsleit|projektleit|\w+leiter(?:in)?\b|\w+leitung\b|oberarzt|chefarzt",
    )),
    ("junior", _rule(r"assistants?|associate|asistente|assistente|assistent(?:in|e)?|aide|helper|hilfe|auxiliar|student(?:in)?|doktorand(?:in)?|phd candidate|clerk|administratief medewerker")),
)  # fmt: skip

_DEPARTMENT_RULES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("executive", _rule(_HEADS_OF_COMPANY + r"|general manager|chief of staff")),
    ("legal", _rule(
        r"legal|counsel|attorneys?|lawyers?|paralegal|solicitor|barrister|notary|notar(?:in)?|compliance|data protection|privacy"
        r"|dpo|patent|avocat[e]?|abogad[oa]|avvocat[oa]|advocaat|syndikus|recht|justiciar|clo|contract manager",
        r"rechts|jurist|juridi|giuridic|notai|notair|datenschutz|law ",
    )),
    ("hr", _rule(
        r"hr|human resources?|recruit\w+|talent|people (?:\w+ )?(?:operations|partner|officer|manager|lead)|(?:head|director|vp|chief) (?:of )?people(?: officer)?|people (?:and|&) culture|headhunter"
        r"|rh|drh|chro|ressources humaines|recursos humanos|rrhh|risorse umane|personeelszaken|personnel|personalwesen|payroll and hr|staffing|compensation|employer branding|hrbp|werving",
        r"personal(?:abteilung|leit|referent|entwick|sach|manage|chef)|recrut|ausbildungsleit",
    )),
    ("it", _rule(
        r"(?:technical )?support engineer|it|cto|cio|ciso|chief (?:technology|technical|information|data|digital|security|information security|product and technology) officer|tech lead|devops|sre|sysadmin|dba|qa|edv|dsi|scrum master|webmaster|machine learning|data (?:scientist|engineer|analyst|architect)|big data"
        r"|(?:software|solutions?|cloud|systems?|enterprise|technical|data|security|network) architect|full[ -]?stack|front[ -]?end|back[ -]?end|systems? (?:administrator|engineer|analyst)|network (?:administrator|engineer)|cyber ?security|information (?:security|technology|systems)|technology|engineer(?:ing)?|r&d|research and development|product owner|tecnico informatico|system(?:administrator|engineer)",
        r"developer|developpeu|programm(?:er|ier|eur|ator)|software|informati(?:k|que|ca|co|cs)|entwickl|developp|desarrollador|sviluppat|ontwikkel|ingenie|ingegner|technolog|computer",
    )),
    ("support", _rule(
        r"support|help ?desk|customer (?:success|service|care|experience|support)|client (?:success|services?|care)|service desk|after[ -]sales|sav|call cent(?:er|re)|technical support"
        r"|service client|atencion al cliente|servicio al cliente|assistenza clienti|servizio clienti|kundenbetreu\w+|kundenberat\w+|klantcontact",
        r"kundendienst|kundenservice|klantenservice|soporte",
    )),
    ("finance", _rule(
        r"cfo|daf|finance|controller|controlling|treasur\w+|tax|audit\w*|bookkeep\w+|billing|payroll|credit|underwriter|actuary|investments?|investor relations|accounts (?:payable|receivable)|analyst relations|wealth|private equity|broker|payable|revisor|banker|asset management|fund",
        r"financ|finanz|finanza|account(?:ant|ing)|buchhalt|steuer|wirtschaftspruf|comptab|contab|contador|tesorer|ragionier|boekhoud|rechnungswesen|bilanz|tresor",
    )),
    ("marketing", _rule(
        r"cmo|marketing|seo|sea|sem|growth|brand|branding|advertising|demand gen(?:eration)?|campaigns?|product marketing|e-?commerce|crm|content|social media|market research|merchandising|copywriter|performance manager|community manager",
        r"marketing|werbung|mercadeo|mercadotec|publicid|pubblicit",
    )),
    ("communication", _rule(
        r"communications?|public relations|pr|press|media|journalist\w*|editor|editorial|reporter|writer|spokes\w+|public affairs|publisher|correspondent|redacteur|redactrice|presse\w*|prensa|stampa|pers|broadcast\w*|external relations|translator",
        r"\w*kommunikation|comunicac|comunicaz|communicati|redakt|redact|redatt|periodist|giornalist|journalist|portavo|sprecher|lektor|woordvoerder|pressesprech",
    )),
    ("health", _rule(
        r"doctor|physician|nurse|medical|clinical|clinic|therap\w+|pharmac\w+|dentist\w*|health|healthcare|surgeon|veterinar\w+|psycholog\w+|psychiatr\w+|paramedic|midwife|radiolog\w+|optometrist|caregiver|dr med|medic[oa]|cardiolog\w+|physio\w+|audiolog\w+",
        r"\w*arzt(?:in)?\b|pflege|krankenschw|hebamme|apothek|medecin|infirmi|pharmaci|enfermer|farmac|infermier|verpleeg|huisarts|tandarts",
    )),
    ("education", _rule(
        r"teachers?|professor(?:in)?|lecturer|educat\w+|instructor|tutor|dean|faculty|school|academic|training|trainer|curriculum|postdoc\w*|phd|scholar|headmaster|librarian|research (?:associate|assistant|fellow)|researcher|coach|student|maestr[oa]|prof|universit\w+|rektor(?:in)?|doktorand\w*|wissenschaftliche[r]? mitarbeiter(?:in)?",
        r"lehrer|lehrbeauf|dozent|schul|padagog|ausbild|enseign|professeur|formateur|formatrice|docent|profesor|insegnant|leraar|leerkracht|bildung",
    )),
    ("design", _rule(
        r"designer?s?|ux|ui|creative|art director|illustrator|animator|photograph\w+|stylist|user experience|interior architect|directeur artistique|direct(?:or|ora) de arte|graphi\w+|architect|architekt(?:in)?|architecte|arquitect[oa]|architett[oa]|video(?:grapher)?",
        r"grafik|gestalt|disen|graphist|vormgev|ontwerp|mediengestalt|fotograf",
    )),
    ("sales", _rule(
        r"sales|account (?:executive|manager|director|management)|key account\w*|business develop\w+|bdr|sdr|cro|chief revenue officer|partnerships?|partner manager|channel|pre-?sales|commercial|commerciale?|retail|store manager|salesperson|revenue|territory|export|trade|vendite|ventas|ventes|acquisition|customer advisor|filialleit\w+|ingenieur commercial",
        r"vertrieb|verkauf|verkaufer|verkoop|vendedor|venditor|vendeu|aussendienst|comercial|commercieel|handelsvertret|accountmanag",
    )),
    ("operations", _rule(
        r"coo|operations?|operational|logistics?|supply chain|procurement|purchas\w+|buyer|production|manufactur\w+|facilit(?:y|ies)|warehouse|quality|maintenance|safety|hse|construction|plant|fleet|transport\w*|shipping|dispatch\w*|office manager|administrat\w+|amministrativ\w+|assistant[es]*|receptionist|secretary|clerk|foreman|mechanic|technician|electrician|driver|inspector|sustainability|achats|acheteu[rs]e?|compras|acquisti|inkoop|secretaria|coordinator|scheduler|surveyor|planner|chef de chantier|werkmeister|concierge|housekeeping",
        r"einkauf|einkaufer|logisti|lager|produktion|produccion|produzione|fertigung|qualitat|werkstatt|sekretar|secretari|sachbearbeit|betriebsleit|verwaltung|haustechnik|dispon|exploitation|operaci|operativ|techniker|monteur|magazin|bauleit|polier",
    )),
    ("executive", _rule(_CHIEFS + r"|executive director|executive|partner|board|socio|socia|associe[e]?|vennoot|prokurist(?:in)?")),
    ("management", _rule(
        r"manager|management|head|director|lead|leader|supervisor|principal|vice[ -]president|[se]?vp|project|projects|program(?:me)?|product|strategy|strateg\w+|consult\w+|superintendent|chef|responsable|directeur|directrice|director[a]|jefe|jefa|gerente|responsabile|direttore|direttrice|capo|hoofd|berater(?:in)?|unternehmensberat\w+",
        r"leiter|leitung|\w+leiter(?:in)?\b|\w+leitung\b|teamleid|projekt|proyect|progett|chef de projet|berat|consulen|conseil",
    )),
)  # fmt: skip
