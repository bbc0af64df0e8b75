"""
How is a template filled in that is nothing but text and merge fields?

By putting them one behind the other, which takes a tenth of the time that Liquid needs to find out that there is nothing to be
decided. Most letters are of that kind. What comes out is what Liquid makes, to the octet; where that is in doubt, it is not done here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from liquid import BoundTemplate, escape
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, PositionalArgument, StringLiteral
from liquid.builtin.output import OutputNode

_GIVEN: Final = frozenset({"now", "today"})
"""Names that have a value without being a field."""


class Field(msgspec.Struct, frozen=True):
    """A merge field."""

    name: str
    fallback: str


class Plain(msgspec.Struct, frozen=True):
    """Text and merge fields, in their order."""

    pieces: tuple[str | Field, ...]
    escapes: bool
    longest_value: int
    longest: int
    """Octets of what is made."""

    def fill(self, values: Mapping[str, str]) -> str | None:
        """The text, with *values* that are not empty; None: ask Liquid, which may have something to say about it."""
        made = []
        for piece in self.pieces:
            if isinstance(piece, str):
                made.append(piece)
            elif (value := values.get(piece.name)) is None:
                made.append(piece.fallback)
            elif len(value) > self.longest_value:
                return None
            else:
                made.append(str(escape(value)) if self.escapes else value)
        text = "".join(made)
        # Liquid makes one kind of line end of all, piece by piece, and counts octets.
        return None if "\r" in text or 4 * len(text) > self.longest else text


def plain_of(template: BoundTemplate, *, longest_value: int, longest: int) -> Plain | None:
    """*template* as text and fields; None if there is more in it. No value or text of it is longer than that, in characters and octets."""
    pieces = [_piece(node, longest_value) for node in template.nodes]
    known = [each for each in pieces if each is not None]
    return Plain(tuple(known), template.env.autoescape, longest_value, longest) if len(known) == len(pieces) else None


def _piece(node: Node, longest: int) -> str | Field | None:
    if type(node) is ContentNode:
        return node.text
    if type(node) is not OutputNode or type(node.expression) is not FilteredExpression:
        return None
    path, filters = node.expression.left, node.expression.filters or []
    if type(path) is not Path or len(path.path) != 1 or len(filters) > 1:
        return None
    name = path.path[0]
    if not isinstance(name, str) or name in _GIVEN:
        return None
    if not filters:
        return Field(name, "")
    fallback = _only(filters[0].args) if filters[0].name == "default" else None
    return Field(name, fallback) if fallback is not None and len(fallback) <= longest else None


def _only(arguments: Sequence[object]) -> str | None:
    """The one text among *arguments*; None if there is something else."""
    if len(arguments) != 1 or type(arguments[0]) is not PositionalArgument:
        return None
    value = arguments[0].value
    return value.value if type(value) is StringLiteral else None
