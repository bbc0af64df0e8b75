"""Which system stands behind a connector?"""

from vizsla.leads.connectors import Connector
from vizsla.leads.espocrm import EspoCrm
from vizsla.leads.pushing import System
from vizsla.leads.signed import SignedWebhook
from vizsla.leads.sync import HeldConnector
from vizsla.webhooks.sending import Courier


def system_of(courier: Courier, one: Connector | HeldConnector, secret: str | None, now: int) -> System:
    """What stands behind *one*, spoken to as at *now*; *secret* is None where it cannot be read."""
    if one.kind == "espocrm":
        return EspoCrm(courier, one.url, one.entity or "Lead", secret or "", now)
    return SignedWebhook(courier, one.url, secret or "", now)
