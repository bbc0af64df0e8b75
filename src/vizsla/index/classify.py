"""
Is this the address of a person or of a role?

`personal` and `generic` are the API's words. What the person does is read from the title (`index.titles`).
"""

from typing import Literal

from vizsla.kit.role_words import DEPARTMENT_OF_WORD, is_role, split_words
from vizsla.naming.model import explain
from vizsla.naming.names import PersonName
from vizsla.naming.prior import load_prior

Kind = Literal["personal", "generic"]
TYPES = ("personal", "generic")


def infer_type(local: str, domain: str, first_name: str | None = None, last_name: str | None = None) -> Kind:
    """
    Whether *local*@*domain* is one person's.

    A name that makes the local part settles it: `hr@` is Hanna Ruiz's when her page says so, and initials are the usual
    false alarm of lists of role words.
    """
    if (first_name or last_name) and is_made_of(local, domain, first_name or "", last_name or ""):
        return "personal"
    if is_role(local):
        return "generic"
    if domain.startswith(("lists.", "list.", "groups.", "listserv.")):
        return "generic"
    # acme@acme.com is the company; smith@smith.com with a name was settled above.
    return "generic" if "".join(split_words(local)) == domain.partition(".")[0].replace("-", "") else "personal"


def is_made_of(local: str, domain: str, first_name: str, last_name: str) -> bool:
    """Whether the name makes the local part."""
    return bool(explain(local, PersonName(first_name, last_name), domain, load_prior()))


def department_of_role(local: str) -> str | None:
    """Who reads a generic mailbox, where its name says so."""
    words = split_words(local)
    for word in (local, "".join(words), *words):
        if department := DEPARTMENT_OF_WORD.get(word):
            return department
    return None
