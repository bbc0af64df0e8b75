"""
What is said of people whose mail server restarts while they are asked about?

Postfix and Exim are ended and started again, several times, in the middle of some hundred questions about people who all have a
mailbox. Some may stay unknown; none may be called invalid.
"""

import threading
from collections import Counter

import msgspec

from lab.ours import Service, ask_all
from lab.roster import crowd
from lab.world import World

_FIRST, _DOWN, _BETWEEN = 1.5, 1.0, 2.0
_TIMES = 3


class Survived(msgspec.Struct, frozen=True):
    """What was said meanwhile."""

    statuses: Counter[str]
    unknown: Counter[str]
    """Why, of those that stayed unknown."""
    restarts: int

    @property
    def false_invalid(self) -> int:
        return self.statuses["invalid"]


def restart_meanwhile(world: World, service: Service) -> Survived:
    """Restart both servers while *service* is asked."""
    ended = threading.Event()
    restarts = Counter[str]()

    def restart() -> None:
        ended.wait(_FIRST)
        for _ in range(_TIMES):
            if ended.is_set():
                return
            world.restart_mail_servers(down=_DOWN)
            restarts["times"] += 1
            ended.wait(_BETWEEN)

    restarting = threading.Thread(target=restart)
    restarting.start()
    try:
        said, _ = ask_all(service, crowd())
    finally:
        ended.set()
        restarting.join()
    return Survived(
        statuses=Counter(one.status for one in said.values()),
        unknown=Counter(one.why.partition(",")[0] for one in said.values() if one.status == "unknown"),
        restarts=restarts["times"],
    )
