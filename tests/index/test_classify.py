"""Persons and roles."""

import pytest

from vizsla.index.classify import department_of_role, infer_type


@pytest.mark.parametrize(
    "local",
    ["info", "contact", "sales", "no-reply", "noreply", "kontakt", "buchhaltung", "jobs", "press", "support2", "sales-emea",
     "team", "dev-list", "security", "customer.service", "acme", "postmaster", "42", "info.berlin", "service-client", "rrhh"],
)  # fmt: skip
def test_roles(local: str) -> None:
    assert infer_type(local, "acme.com") == "generic"


@pytest.mark.parametrize("local", ["jane.doe", "jdoe", "jane", "doe_j", "j.d", "smith", "maria-jose.garcia", "kl"])
def test_persons(local: str) -> None:
    assert infer_type(local, "acme.com") == "personal"


@pytest.mark.parametrize(
    ("local", "first", "last"),
    [("hr", "Hanna", "Ruiz"), ("it", "Ida", "Thoms"), ("job", "Moses", "Job"),
     ("pr", "Paula", "Rot"), ("acme", "Ana", "Acme")],
)  # fmt: skip
def test_a_name_that_makes_the_address_makes_it_a_persons(local: str, first: str, last: str) -> None:
    assert infer_type(local, "acme.com", first, last) == "personal"
    assert infer_type(local, "acme.com") == "generic"


def test_a_list_host_has_lists() -> None:
    assert infer_type("hackers", "lists.acme.com") == "generic"


@pytest.mark.parametrize(
    ("local", "department"),
    [("sales", "sales"), ("press-office", "communication"), ("info", None), ("jobs", "hr"), ("support.de", "support"),
     ("rechnung", "finance"), ("", None), ("datenschutz", "legal")],
)  # fmt: skip
def test_who_reads_a_role(local: str, department: str | None) -> None:
    assert department_of_role(local) == department
