"""
Is this address one that a page writes where its reader's own, or nobody's, would stand?
"""

import re
from functools import lru_cache

_REPEATED = re.compile(r"(.)\1{2,11}\Z")
_PLACEHOLDER_HOSTS = frozenset(
    "example.com example.org example.net example.edu domain.com domain.tld domain.org domain.net yourdomain.com yourdomain.org yourdomain.net yourdomain.tld mydomain.com "
    "yourcompany.com your-company.com yourcompany.org company.tld yoursite.com your-site.com mysite.com yourwebsite.com sample.com somedomain.com somewhere.com somehost.com "
    "anydomain.com foo.com bar.com foobar.com foo.org bar.org foo.bar e-mail.com xyz.com abc.com email.tld address.com yourmail.com host.com youremail.com your-domain.com exemple.com "
    "exemple.fr beispiel.de musterfirma.de mustermann.de musterdomain.de ejemplo.com esempio.it dominio.com dominio.it test.com website.com site.com emailaddress.com "
    "your-email.com myemail.com somemail.com mycompany.com provider.com isp.com server.com internet.com".split()
)
_PLACEHOLDER_LABELS = frozenset(
    "example examples yourdomain your-domain your_domain yourdomainname mydomain my-domain somedomain some-domain yourcompany yoursite yourisp your-isp yourhost your-host "
    "exemple beispiel ejemplo esempio my-company my-isp hostname your my".split()
)
_PLACEHOLDER_NAMES = frozenset(
    "domain email e-mail mail company website site provider test sample firma firm server host".split()
)
_PLACEHOLDER_LOCALS = frozenset(
    "you your yourname your.name your_name your-name yourmail youremail your.email your_email your-email name username user.name email e-mail mail-address emailaddress "
    "email.address address someone somebody someuser anyone ihre ihre.email ihremail ihr.name deine deinname max.mustermann mustermann musterfrau erika.mustermann vorname.nachname "
    "vorname nachname firstname.lastname first.last firstname lastname first.lastname prenom.nom votre.email votrenom nombre tu.correo tunombre nome.cognome foo bar foobar user "
    "johndoe john.doe jane.doe janedoe xxx xxxx xyz abc me my.name myname my.email sample example placeholder nobody".split()
)
_ALWAYS_PLACEHOLDER = frozenset(
    "yourname your.name your_name your-name youremail your.email your_email your-email yourmail firstname.lastname first.last fornamn.efternamn etunimi.sukunimi imie.nazwisko nombre.apellido voornaam.achternaam nome.sobrenome vorname.nachname prenom.nom nome.cognome "
    "user anonymous username xxx xxxx xxxxx nnn nnnn nnnnnn ihre.email emailaddress email.address max.mustermann".split()
)
_SAMPLE_LOCALS = frozenset("you yourname name username user someone somebody email youremail foo bar".split())
"""At the reserved suffixes themselves (RFC 2606) everything else is kept: that is where invented companies live."""
_PLACEHOLDER_ALONE = frozenset(
    "company.com domain.com domain.tld domain.org yourdomain.com yourdomain.org yourcompany.com yoursite.com yourwebsite.com somedomain.com mydomain.com foo.com bar.com foobar.com foo.bar foo.org bar.org somewhere.com somehost.com company.tld email.tld exemple.com exemple.fr".split()
)


@lru_cache(32_768)
def is_placeholder(local: str, name: str) -> bool:
    """Whether *local* at *name*, both in lower case, is one."""
    labels = name.split(".")
    if labels[-1] in ("example", "test"):
        return local in _SAMPLE_LOCALS
    if labels[-1] in ("invalid", "localhost"):
        return True
    registered = ".".join(labels[-2:])
    if registered in ("example.com", "example.org", "example.net", "example.edu"):
        return True
    if any(label in _PLACEHOLDER_LABELS for label in labels[:-1]) or local.startswith("your") or _REPEATED.match(local):
        return True
    return (
        local in _ALWAYS_PLACEHOLDER
        or ((registered in _PLACEHOLDER_HOSTS or labels[-2] in _PLACEHOLDER_NAMES) and local in _PLACEHOLDER_LOCALS)
        or registered in _PLACEHOLDER_ALONE
    )
