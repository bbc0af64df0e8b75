"""
Which country does a postal address name?

ISO 3166-1 alpha-2 out. In: alpha-2, alpha-3, the English name, and the name of the country in its own and its
neighbours' languages where companies write it so.
"""

import unicodedata

MAX_NAME = 60

# alpha-2 alpha-3 English name, then other names; one country a line.
_TABLE = """
AD AND Andorra
AE ARE United Arab Emirates|UAE|U.A.E.
AF AFG Afghanistan
AG ATG Antigua and Barbuda
AI AIA Anguilla
AL ALB Albania|Shqipëria
AM ARM Armenia
AO AGO Angola
AQ ATA Antarctica
AR ARG Argentina|Argentinien|Argentine
AS ASM American Samoa
AT AUT Austria|Österreich|Autriche|Oesterreich
AU AUS Australia|Australien|Australie
AW ABW Aruba
AX ALA Åland Islands|Åland
AZ AZE Azerbaijan|Azərbaycan
BA BIH Bosnia and Herzegovina|Bosna i Hercegovina
BB BRB Barbados
BD BGD Bangladesh
BE BEL Belgium|Belgien|Belgique|België
BF BFA Burkina Faso
BG BGR Bulgaria|България|Bulgarien
BH BHR Bahrain
BI BDI Burundi
BJ BEN Benin|Bénin
BL BLM Saint Barthélemy
BM BMU Bermuda
BN BRN Brunei|Brunei Darussalam
BO BOL Bolivia
BQ BES Caribbean Netherlands
BR BRA Brazil|Brasil|Brasilien|Brésil
BS BHS Bahamas|The Bahamas
BT BTN Bhutan
BV BVT Bouvet Island
BW BWA Botswana
BY BLR Belarus|Беларусь
BZ BLZ Belize
CA CAN Canada|Kanada
CC CCK Cocos Islands
CD COD Democratic Republic of the Congo|DR Congo
CF CAF Central African Republic
CG COG Congo|Republic of the Congo
CH CHE Switzerland|Schweiz|Suisse|Svizzera|Die Schweiz
CI CIV Ivory Coast|Côte d'Ivoire
CK COK Cook Islands
CL CHL Chile
CM CMR Cameroon|Cameroun
CN CHN China|中国|People's Republic of China|PRC|P.R. China
CO COL Colombia
CR CRI Costa Rica
CU CUB Cuba
CV CPV Cape Verde|Cabo Verde
CW CUW Curaçao
CX CXR Christmas Island
CY CYP Cyprus|Κύπρος|Zypern
CZ CZE Czech Republic|Czechia|Česko|Česká republika|Tschechien
DE DEU Germany|Deutschland|Allemagne|Alemania|Germania|Duitsland|Tyskland|Bundesrepublik Deutschland
DJ DJI Djibouti
DK DNK Denmark|Danmark|Dänemark|Danemark
DM DMA Dominica
DO DOM Dominican Republic|República Dominicana
DZ DZA Algeria|Algérie
EC ECU Ecuador
EE EST Estonia|Eesti|Estland
EG EGY Egypt|مصر
EH ESH Western Sahara
ER ERI Eritrea
ES ESP Spain|España|Spanien|Espagne|Espanya|Spagna
ET ETH Ethiopia
FI FIN Finland|Suomi|Finnland|Finlande
FJ FJI Fiji
FK FLK Falkland Islands
FM FSM Micronesia
FO FRO Faroe Islands|Føroyar
FR FRA France|Frankreich|Francia|Frankrijk
GA GAB Gabon
GB GBR United Kingdom|UK|U.K.|Great Britain|England|Scotland|Wales|Northern Ireland|Vereinigtes Königreich|Royaume-Uni|Reino Unido|Großbritannien
GD GRD Grenada
GE GEO Georgia|საქართველო
GF GUF French Guiana
GG GGY Guernsey
GH GHA Ghana
GI GIB Gibraltar
GL GRL Greenland|Kalaallit Nunaat
GM GMB Gambia
GN GIN Guinea|Guinée
GP GLP Guadeloupe
GQ GNQ Equatorial Guinea
GR GRC Greece|Ελλάδα|Griechenland|Hellas
GS SGS South Georgia and the South Sandwich Islands
GT GTM Guatemala
GU GUM Guam
GW GNB Guinea-Bissau
GY GUY Guyana
HK HKG Hong Kong|香港|Hong Kong SAR
HM HMD Heard Island and McDonald Islands
HN HND Honduras
HR HRV Croatia|Hrvatska|Kroatien
HT HTI Haiti
HU HUN Hungary|Magyarország|Ungarn
ID IDN Indonesia
IE IRL Ireland|Éire|Irland|Irlande|Republic of Ireland
IL ISR Israel|ישראל
IM IMN Isle of Man
IN IND India|भारत|Indien
IO IOT British Indian Ocean Territory
IQ IRQ Iraq
IR IRN Iran
IS ISL Iceland|Ísland|Island
IT ITA Italy|Italia|Italien|Italie
JE JEY Jersey
JM JAM Jamaica
JO JOR Jordan
JP JPN Japan|日本|Japon|日本国
KE KEN Kenya
KG KGZ Kyrgyzstan
KH KHM Cambodia
KI KIR Kiribati
KM COM Comoros
KN KNA Saint Kitts and Nevis
KP PRK North Korea
KR KOR South Korea|Korea|대한민국|Republic of Korea|한국
KW KWT Kuwait
KY CYM Cayman Islands
KZ KAZ Kazakhstan|Қазақстан|Казахстан
LA LAO Laos
LB LBN Lebanon
LC LCA Saint Lucia
LI LIE Liechtenstein
LK LKA Sri Lanka
LR LBR Liberia
LS LSO Lesotho
LT LTU Lithuania|Lietuva|Litauen
LU LUX Luxembourg|Luxemburg|Lëtzebuerg
LV LVA Latvia|Latvija|Lettland
LY LBY Libya
MA MAR Morocco|Maroc
MC MCO Monaco
MD MDA Moldova
ME MNE Montenegro|Crna Gora
MF MAF Saint Martin
MG MDG Madagascar
MH MHL Marshall Islands
MK MKD North Macedonia|Macedonia|Македонија
ML MLI Mali
MM MMR Myanmar
MN MNG Mongolia
MO MAC Macao|Macau
MP MNP Northern Mariana Islands
MQ MTQ Martinique
MR MRT Mauritania
MS MSR Montserrat
MT MLT Malta
MU MUS Mauritius
MV MDV Maldives
MW MWI Malawi
MX MEX Mexico|México|Mexiko|Mexique
MY MYS Malaysia
MZ MOZ Mozambique|Moçambique
NA NAM Namibia
NC NCL New Caledonia|Nouvelle-Calédonie
NE NER Niger
NF NFK Norfolk Island
NG NGA Nigeria
NI NIC Nicaragua
NL NLD Netherlands|The Netherlands|Nederland|Niederlande|Pays-Bas|Holland|Países Bajos
NO NOR Norway|Norge|Norwegen|Norvège|Noreg
NP NPL Nepal
NR NRU Nauru
NU NIU Niue
NZ NZL New Zealand|Aotearoa|Neuseeland
OM OMN Oman
PA PAN Panama|Panamá
PE PER Peru|Perú
PF PYF French Polynesia|Polynésie française
PG PNG Papua New Guinea
PH PHL Philippines
PK PAK Pakistan
PL POL Poland|Polska|Polen|Pologne
PM SPM Saint Pierre and Miquelon
PN PCN Pitcairn
PR PRI Puerto Rico
PS PSE Palestine
PT PRT Portugal
PW PLW Palau
PY PRY Paraguay
QA QAT Qatar
RE REU Réunion|La Réunion
RO ROU Romania|România|Rumänien
RS SRB Serbia|Србија|Srbija|Serbien
RU RUS Russia|Россия|Russian Federation|Russland
RW RWA Rwanda
SA SAU Saudi Arabia|KSA
SB SLB Solomon Islands
SC SYC Seychelles
SD SDN Sudan
SE SWE Sweden|Sverige|Schweden|Suède
SG SGP Singapore|Singapur
SH SHN Saint Helena
SI SVN Slovenia|Slovenija|Slowenien
SJ SJM Svalbard and Jan Mayen
SK SVK Slovakia|Slovensko|Slowakei
SL SLE Sierra Leone
SM SMR San Marino
SN SEN Senegal|Sénégal
SO SOM Somalia
SR SUR Suriname
SS SSD South Sudan
ST STP São Tomé and Príncipe
SV SLV El Salvador
SX SXM Sint Maarten
SY SYR Syria
SZ SWZ Eswatini|Swaziland
TC TCA Turks and Caicos Islands
TD TCD Chad|Tchad
TF ATF French Southern Territories
TG TGO Togo
TH THA Thailand|ประเทศไทย
TJ TJK Tajikistan
TK TKL Tokelau
TL TLS Timor-Leste|East Timor
TM TKM Turkmenistan
TN TUN Tunisia|Tunisie
TO TON Tonga
TR TUR Turkey|Türkiye|Türkei|Turquie
TT TTO Trinidad and Tobago
TV TUV Tuvalu
TW TWN Taiwan|台灣|台湾
TZ TZA Tanzania
UA UKR Ukraine|Україна
UG UGA Uganda
UM UMI United States Minor Outlying Islands
US USA United States|United States of America|U.S.A.|U.S.|Vereinigte Staaten|États-Unis|Estados Unidos|The United States|America
UY URY Uruguay
UZ UZB Uzbekistan
VA VAT Vatican City
VC VCT Saint Vincent and the Grenadines
VE VEN Venezuela
VG VGB British Virgin Islands
VI VIR U.S. Virgin Islands
VN VNM Vietnam|Việt Nam|Viet Nam
VU VUT Vanuatu
WF WLF Wallis and Futuna
WS WSM Samoa
YE YEM Yemen
YT MYT Mayotte
ZA ZAF South Africa|Südafrika
ZM ZMB Zambia
ZW ZWE Zimbabwe
XK XKX Kosovo
"""


def country_code(text: str | None) -> str | None:
    """The alpha-2 code of the country that *text* names, or None."""
    if not text or len(text) > MAX_NAME:
        return None
    return _CODES.get(_fold(text))


def country_of_suffix(domain: str) -> str | None:
    """The country whose top-level domain *domain* ends in; None for generic ones and those sold as generic (`.io`, `.ai`, `.co` …)."""
    tld = domain.rpartition(".")[2].upper()
    if tld == "UK":
        return "GB"
    return tld if tld in _ALPHA_2 and tld not in _SOLD_AS_GENERIC else None


def _fold(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.casefold().strip(" ."))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _read_table() -> dict[str, str]:
    codes: dict[str, str] = {}
    for line in _TABLE.strip().splitlines():
        alpha_2, alpha_3, names = line.split(" ", 2)
        for name in (alpha_2, alpha_3, *names.split("|")):
            codes[_fold(name)] = alpha_2
    return codes


_CODES = _read_table()
_ALPHA_2 = frozenset(_CODES.values())
_GENERIC = "AI AG CC CO FM GG IO LA LY ME MS SH TO TV VC WS ST AC SC GL IM JE NU"
_SOLD_AS_GENERIC = frozenset(_GENERIC.split())
