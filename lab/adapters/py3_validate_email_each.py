"""py3-validate-email with all its checks."""

from common import ask_each, helo, sender
from validate_email import validate_email_or_fail
from validate_email.exceptions import DomainBlacklistedError, EmailValidationError, SMTPTemporaryError


def verify(email: str) -> str:
    try:
        found = validate_email_or_fail(
            email, dns_timeout=10, smtp_timeout=10, smtp_helo_host=helo, smtp_from_address=sender
        )
    except DomainBlacklistedError:
        return "disposable"
    except SMTPTemporaryError:
        return "unknown"
    except EmailValidationError:
        return "invalid"
    return "valid" if found else "unknown"


ask_each(verify)
