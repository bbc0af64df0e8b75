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
            code = error.smtp_code
            if code is None or not 400 <= code < 500 or retry == MOST_RETRIES:
                return "unknown" if code is not None and 400 <= code < 500 else "invalid"
            time.sleep(RETRY)
        else:
            return "valid"
    raise AssertionError


ask_each(verify)
