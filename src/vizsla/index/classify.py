"""
Is this the address of a person or of a role?

`personal` and `generic` are the API's words. What the person does is read from the title (`index.titles`).
"""

import re
from typing import Literal

from vizsla.index.patterns import is_derivable
from vizsla.index.role_words import DEPARTMENT_OF_WORD, LIST_WORDS

Kind = Literal["personal", "generic"]
TYPES = ("personal", "generic")


def infer_type(local: str, domain: str, first_name: str | None = None, last_name: str | None = None) -> Kind:
    """
    Whether *local*@*domain* is one person's.

    A name that makes the local part settles it: `hr@` is Hanna Ruiz's when her page says so, and initials are the usual
    false alarm of lists of role words.
    """
    if is_derivable(local, first_name, last_name):
        return "personal"
    if local in DEPARTMENT_OF_WORD:
        return "generic"
    words = [word for word in re.split(r"[._+\-]|\d+", local) if word]
    if not words or "".join(words) in DEPARTMENT_OF_WORD:
        return "generic"
    if any(word in LIST_WORDS for word in words):
        return "generic"
    if len(words) > 1 and words[0] in DEPARTMENT_OF_WORD and len(words[0]) > 2:
        return "generic"
    if len(words) > 1 and words[-1] in DEPARTMENT_OF_WORD and len(words[-1]) > 3:
        return "generic"
    if domain.startswith(("lists.", "list.", "groups.", "listserv.")):
        return "generic"
    # acme@acme.com is the company; smith@smith.com with a name was settled above.
    return "generic" if "".join(words) == domain.partition(".")[0].replace("-", "") else "personal"


def department_of_role(local: str) -> str | None:
    """Who reads a generic mailbox, where its name says so."""
    words = [word for word in re.split(r"[._+\-]|\d+", local) if word]
    for word in (local, "".join(words), *words):
        if department := DEPARTMENT_OF_WORD.get(word):
            return department
    return None
