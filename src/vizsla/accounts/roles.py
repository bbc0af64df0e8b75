"""
What may a member of a team do?

Owners do everything. Admins manage members, invitations and everybody's keys, but not owners. Members use the account, and see
and stop the keys they made themselves. Apart from that, `member.is_admin` is for those who run the installation.
"""

from typing import Literal

from vizsla.kit.errors import VizslaError

Role = Literal["owner", "admin", "member"]
ROLES: tuple[Role, ...] = ("owner", "admin", "member")


class NotAllowed(VizslaError):
    """Your role in this team does not allow this. Ask an owner or an admin of it."""

    id = "forbidden"


def is_manager(role: str) -> bool:
    """Whether they look after the team: its members, invitations and keys."""
    return role in ("owner", "admin")


def may_grant(actor: str, role: str) -> bool:
    """Whether *actor* may make somebody a *role*, or take it from them: nobody hands out more than they have."""
    return actor == "owner" or (actor == "admin" and role in ("admin", "member"))


def require_manager(role: str) -> None:
    """Raises NotAllowed for members."""
    if not is_manager(role):
        raise NotAllowed
