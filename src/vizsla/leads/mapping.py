"""
What does each column of a file say of leads?

Pure: a file's header becomes a proposal, and a row becomes a draft. An empty cell says nothing.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec
from anyascii import anyascii

from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidEmail
from vizsla.leads.lead import TEXTS, Attribute, Draft, InvalidLead, draft

LISTS, TAGS = "leads_lists", "tags"
NEW = "+"
"""In the place of a slug: a custom attribute that is made, and called like the column."""
MOST_LISTS_OF_A_LEAD = 50
FIELDS = ("email", *TEXTS, "confidence_score", LISTS, TAGS)
_OTHER_NAMES = {
    "email": "e_mail mail email_address e_mail_address work_email adresse_e_mail value",
    "first_name": "firstname given_name forename prenom vorname nombre",
    "last_name": "lastname surname family_name name nom nachname apellido",
    "position": "title job_title job role function poste",
    "company": "organization organisation company_name account employer entreprise firma empresa",
    "company_industry": "industry sector branche",
    "company_size": "headcount employees size",
    "confidence_score": "confidence score",
    "website": "domain url site domain_name",
    "country_code": "country",
    "linkedin_url": "linkedin linkedin_profile",
    "phone_number": "phone telephone mobile tel",
    "twitter": "twitter_handle x",
    "notes": "note comment comments remarks",
    LISTS: "leads_list list lists",
    TAGS: "tag labels",
}
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")


class Plan(msgspec.Struct, frozen=True):
    """What is done with a file."""

    targets: tuple[str, ...]
    """For each column one of FIELDS, the slug of a custom attribute, NEW, or nothing: it is left out."""
    list_id: int | None = None
    """Where leads go that the file names no list for; None: new ones into the account's last one."""
    list_name: str = ""
    """The same by name: it is made if there is none."""
    keep: tuple[str, ...] = ()
    """Fields and slugs that are not written over where a lead has them already."""
    update: bool = True
    """Whether leads that are known are written into, or left alone."""
    source: str = ""
    """Where the leads are from that say nothing of it."""


class Wanted(msgspec.Struct, frozen=True):
    """What a row says."""

    draft: Draft
    lists: tuple[str, ...] | None = None
    """None: the file does not say."""
    tags: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        """Whose lead it is."""
        return str(self.draft.values["email"])


def propose(columns: Sequence[str], attributes: Iterable[Attribute]) -> tuple[str, ...]:
    """What each column probably is; none twice, and empty for what is not known."""
    names = {other: name for name, others in _OTHER_NAMES.items() for other in others.split()}
    names |= {_key(each.label): each.slug for each in attributes} | {each.slug: each.slug for each in attributes}
    names |= {name: name for name in FIELDS}
    proposed: list[str] = []
    for column in columns:
        target = names.get(_key(column), "")
        proposed.append(target if target not in proposed else "")
    return tuple(proposed)


def check_plan(plan: Plan, columns: Sequence[str], attributes: Iterable[Attribute]) -> None:
    """Raises InvalidLead for a plan that cannot be followed."""
    known = {*FIELDS, *(each.slug for each in attributes)}
    named = [target for target in plan.targets if target]
    if len(plan.targets) != len(columns):
        raise InvalidLead(f"The file has {len(columns)} columns: say of each what it is, or leave it empty.")
    if strange := [name for name in (*named, *plan.keep) if name not in known and name != NEW]:
        raise InvalidLead(f"Leads have no field and no custom attribute called {strange[0][:100]}.")
    chosen = [name for name in named if name != NEW]
    if len(set(chosen)) < len(chosen):
        raise InvalidLead("Two columns are the same field.")
    if "email" not in named:
        raise InvalidLead("Say which column is email: it makes two leads the same.")
    if plan.list_id is not None and plan.list_name:
        raise InvalidLead("Give either leads_list_name or the id of a list, not both.")


def read_row(cells: Sequence[str], plan: Plan) -> Wanted:
    """What a row says. Raises InvalidLead."""
    if len(cells) > len(plan.targets):
        raise InvalidLead(f"The row has {len(cells)} cells, the header has {len(plan.targets)}.")
    said = {target: text for target, text in zip(plan.targets, cells, strict=False) if target and text}
    if not said.get("email", "").strip():
        raise InvalidLead("The row has no email.")
    values = {name: said[name] for name in ("email", *TEXTS) if name in said}
    score = said.get("confidence_score", "").strip()
    if score and not re.fullmatch("[0-9]{1,9}", score, re.ASCII):
        raise InvalidLead("The supplied confidence_score is invalid. It must be a whole number from 0 to 100.")
    lists = split(said.get(LISTS, ""))
    if len(lists) > MOST_LISTS_OF_A_LEAD:
        raise InvalidLead(f"A lead is in {MOST_LISTS_OF_A_LEAD} lists at most.")
    return Wanted(
        draft(
            values,
            confidence_score=int(score) if score else msgspec.UNSET,
            attributes={name: text for name, text in said.items() if name not in FIELDS},
        ),
        lists if LISTS in plan.targets else None,
        split(said.get(TAGS, "")),
    )


def looks_like_header(cells: Sequence[str]) -> bool:
    """Whether a first row names columns: no cell of it is an address."""
    return not any(_is_email(cell) for cell in cells)


def guard(cell: str) -> str:
    """*cell* such that no spreadsheet takes it for a formula; `unguard` has it back."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard(cell: str) -> str:
    """A cell without the apostrophe that keeps spreadsheets from taking it for a formula."""
    return cell[1:] if _GUARDED.match(cell) else cell


def join(names: Iterable[str]) -> str:
    """Names in one cell; `split` has them back."""
    return " | ".join(name.replace("\\", "\\\\").replace("|", "\\|") for name in names)


def split(cell: str) -> tuple[str, ...]:
    """The names in a cell."""
    if not cell:
        return ()
    parts = re.findall(r"(?:[^\\|]|\\.?)+", cell, re.DOTALL)
    return tuple(dict.fromkeys(name for part in parts if (name := re.sub(r"\\(.)", r"\1", part).strip())))


def _key(text: str) -> str:
    return re.sub("[^a-z0-9]+", "_", anyascii(text[:200]).lower()).strip("_")


def _is_email(cell: str) -> bool:
    try:
        parse_email(cell)
    except InvalidEmail:
        return False
    return True
