"""mailscout: its check of an address, and of the whole domain once it was accepted."""

import threading
from collections import defaultdict

from common import ask_each
from mailscout import Scout

scout = Scout(smtp_timeout=10)
takes_all: dict[str, bool] = {}
turns: dict[str, threading.Lock] = defaultdict(threading.Lock)


def verify(email: str) -> str:
    if not scout.check_smtp(email):
        return "invalid"
    domain = email.partition("@")[2]
    with turns[domain]:
        if domain not in takes_all:
            takes_all[domain] = scout.check_email_catchall(domain)
    return "accept_all" if takes_all[domain] else "valid"


ask_each(verify)
