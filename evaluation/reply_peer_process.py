"""
What does a published package make of a reply? Run alone, with nothing of ours on its path:

    python -I reply_peer_process.py PACKAGE FOLDER

reads pairs of code and text as JSON from standard input, and writes the verdicts and the seconds that they took.
"""

import importlib
import json
import smtplib
import sys
import time
from collections.abc import Callable

ADDRESS = "someone@masked.example"
Read = Callable[[int, str], str]


def pigeontrust() -> Read:
    classify_reply = importlib.import_module("pigeontrust.smtp_probe").classify_reply
    verdicts = {"not_exists": "invalid", "mailbox_full": "full"}
    return lambda code, text: verdicts.get(classify_reply(code, text).value, "unknown")


def listwash() -> Read:
    classify_code = importlib.import_module("listwash.classify").classify_code
    return lambda code, text: {"invalid": "invalid"}.get(classify_code(code, text), "unknown")


def lupaxa() -> Read:
    module = importlib.import_module("lupaxa.verify_email.smtp_checker")
    checker = next(kind for kind in vars(module).values() if hasattr(kind, "interpret_rcpt_reply"))

    def read(code: int, text: str) -> str:
        said, why = checker.interpret_rcpt_reply(f"{code} {text}", True, ADDRESS, ADDRESS)
        return "full" if why == module.MAILBOX_FULL else {"invalid": "invalid"}.get(said, "unknown")

    return read


def py3_validate_email() -> Read:
    module = importlib.import_module("validate_email.smtp_check")
    checker = object.__new__(module._SMTPChecker)
    checker._host = "mx.masked.example"

    def read(code: int, text: str) -> str:
        smtplib.SMTP.rcpt = lambda self, recip, options=(): (code, text.encode())
        try:
            checker.rcpt(ADDRESS)
        except module.AddressNotDeliverableError:
            return "invalid"
        except smtplib.SMTPResponseException:
            pass
        return "unknown"

    return read


READERS: dict[str, Callable[[], Read]] = {
    "pigeontrust": pigeontrust,
    "listwash": listwash,
    "lupaxa-verify-email": lupaxa,
    "py3-validate-email": py3_validate_email,
}


def main() -> None:
    package, folder = sys.argv[1:]
    sys.path.insert(0, folder)
    read = READERS[package]()
    replies = json.load(sys.stdin)
    for code, text in replies[:5]:  # what is compiled at the first use is no reply's time
        read(code, text)
    started = time.perf_counter()
    said = [read(code, text) for code, text in replies]
    json.dump({"said": said, "seconds": time.perf_counter() - started}, sys.stdout)


if __name__ == "__main__":
    main()
