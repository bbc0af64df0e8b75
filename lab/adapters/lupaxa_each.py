"""lupaxa-verify-email at its strictest level."""

from common import ask_each, sender
from lupaxa.verify_email.validator import EmailValidator

validator = EmailValidator(inspection=4, timeout=10, from_address=sender)
ask_each(lambda email: validator.validate(email).status)
