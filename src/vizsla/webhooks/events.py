"""What can happen that others are told of?"""

from collections.abc import Mapping
from typing import Literal, get_args

Event = Literal[
    "lead.created",
    "lead.updated",
    "import.completed",
    "export.completed",
    "message.sent",
    "message.read",
    "message.clicked",
    "message.replied",
    "sequence.paused",
    "sequence.resumed",
]
EVENTS: tuple[Event, ...] = get_args(Event)
TEST = "webhook.test"
"""What an endpoint is sent when somebody wants to see whether it hears."""
MEANINGS: Mapping[Event, str] = {
    "lead.created": "Somebody made one lead; leads that an import makes are told by import.completed alone",
    "lead.updated": "Somebody wrote into one lead",
    "import.completed": "All rows of a file are leads, or were refused",
    "export.completed": "A file of leads was handed out whole",
    "message.sent": "A mail of a sequence left",
    "message.read": "Its reader opened it",
    "message.clicked": "Its reader followed a link",
    "message.replied": "Its reader answered",
    "sequence.paused": "A sequence was paused",
    "sequence.resumed": "It goes on",
}
