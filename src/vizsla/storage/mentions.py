"""
Which rows may mention somebody?

SQL for whole columns; `kit.whom` then reads what was found, for a part of a word is no mention. It reads whole tables: that is
rare, and complete is worth more here than quick.
"""

from vizsla.storage.statement import Statement, statement


def says(*columns: str) -> str:
    """SQL: one of *columns* holds `:needle` or `:escaped` (`Whom.needles`)."""
    each = (f"instr(lower({column}), :needle) > 0 OR instr(lower({column}), :escaped) > 0" for column in columns)
    return f"({' OR '.join(each)})"


def mentioning(text: str) -> Statement:
    """*text*, with `says(…)` in it, for both dialects."""
    return statement(text, postgresql=text.replace("instr(", "strpos("))
