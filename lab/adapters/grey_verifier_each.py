"""grey-verifier, with its retries for greylists, in threads: by itself it takes one address at a time."""

import time

from common import ask_each, helo, sender
from grey_verifier import EmailVerifier, EmailVerifierError

RETRY, MOST_RETRIES = 25, 3
verifier = EmailVerifier(helo=helo, mailfrom=sender, timeout=10)


def verify(email: str) -> str:
    for retry in range(MOST_RETRIES + 1):
        try:
            verifier.verify_email(email)
        except EmailVerifierError as error:
            if error.smtp_code is None:
                # It does not say "invalid" of what failed on the way, only that it failed.
                return "unknown" if error.message.startswith("Other Error") else "invalid"
            if not 400 <= error.smtp_code < 500:
                return "invalid"
            if retry < MOST_RETRIES:
                time.sleep(RETRY)
        else:
            return "valid"
    return "unknown"


ask_each(verify)
