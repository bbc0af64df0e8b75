"""Who hands out mailboxes to anybody, and who hands them out to be thrown away."""

import pytest

from vizsla.kit.mail_hosts import (
    DISPOSABLE,
    KNOWN_WEBMAIL,
    RELAYS,
    is_disposable,
    is_disposable_at,
    is_webmail,
    is_webmail_at,
)


@pytest.mark.parametrize(
    "domain", ["gmail.com", "web.de", "tuta.io", "hey.com", "mailbox.org", "inbox.lv", "qq.com", "0815.su"]
)
def test_no_public_provider_is_called_disposable_and_no_disposable_one_webmail(domain: str) -> None:
    assert is_webmail(domain) is not is_disposable(domain)
    assert is_disposable(domain) is (domain == "0815.su")


def test_the_lists_do_not_meet() -> None:
    assert not KNOWN_WEBMAIL & DISPOSABLE
    assert not [domain for domain in KNOWN_WEBMAIL | RELAYS if is_disposable(domain)]
    assert len(DISPOSABLE) > 10_000


@pytest.mark.parametrize("domain", ["mailinator.com", "x.mailinator.com", "a.b.c.guerrillamail.com", "cool.fr.nf"])
def test_hosts_below_a_throw_away_domain_are_thrown_away_too(domain: str) -> None:
    assert is_disposable(domain)


@pytest.mark.parametrize(
    "domain", ["com", "test", "", ".", "mailinator.com.acme.test", "premailinator.com", "acme.example"]
)
def test_others_are_not(domain: str) -> None:
    assert not is_disposable(domain)


@pytest.mark.parametrize(
    "domain", ["duck.com", "mozmail.com", "simplelogin.com", "jane.anonaddy.com", "privaterelay.appleid.com"]
)
def test_a_relay_to_a_mailbox_that_is_kept_is_not_disposable(domain: str) -> None:
    assert not is_disposable(domain)


@pytest.mark.parametrize("domain", ["facebook.com", "alibaba.com", "nus.edu.sg", "calendar-server.bounces.google.com"])
def test_employers_and_machines_on_a_list_of_free_mail_are_not_webmail(domain: str) -> None:
    assert not is_webmail(domain)


def test_a_new_name_whose_mail_a_throw_away_host_takes_is_disposable() -> None:
    assert is_disposable_at("brand-new.test", ["mx1.acme.test", "mail.mailinator.com"])
    assert not is_disposable_at("brand-new.test", ["mx1.acme.test"])
    assert not is_disposable_at("gmail.com", ["mail.mailinator.com"])


def test_a_listed_name_that_became_a_business_is_not_webmail() -> None:
    assert is_webmail_at("volcanomail.com", ["mx.volcanomail.com"])
    assert not is_webmail_at("volcanomail.com", ["volcanomail-com.mail.protection.outlook.com"])
    assert is_webmail_at("gmail.com", ["gmail-smtp-in.l.google.com"])
    assert not is_webmail_at("acme.test", ["aspmx.l.google.com"])
