"""What does a lead look like to programs? The reference's keys, with custom attributes between them by their slugs."""

from typing import Any

from vizsla.kit.clock import time_text
from vizsla.leads.pages import Shown

_BEFORE = (
    *("id", "email", "first_name", "last_name", "position", "company", "company_industry", "company_size"),
    *("confidence_score", "website", "country_code", "source", "linkedin_url", "phone_number", "twitter"),
    *("sync_status", "notes", "sending_status"),
)


def lead_fields(shown: Shown, *, list_id: int | None = None) -> dict[str, Any]:
    """A lead as JSON: with its list, or as one of list *list_id*."""
    one, within = shown.lead, shown.list
    fields: dict[str, Any] = {name: getattr(one, name) for name in _BEFORE}
    fields["last_activity_at"] = _time(one.last_activity_at)
    fields["last_contacted_at"] = _time(one.last_contacted_at)
    fields["verification"] = {"date": _time(one.verified_at), "status": one.verification_status}
    fields |= shown.attributes
    if list_id is not None:
        fields["leads_list_id"] = list_id
    elif within is not None:
        fields["leads_list"] = {"id": within.id, "name": within.name, "leads_count": within.leads_count}
    else:
        fields["leads_list"] = {"id": None, "name": None, "leads_count": None}
    fields["created_at"] = time_text(one.created_at)
    return fields


def _time(seconds: int | None) -> str | None:
    return time_text(seconds) if seconds is not None else None
