"""The log of those who work while nobody waits, to be read by tests."""


class Told:
    """What was told, line by line."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def __call__(self, event: str, *, level: str = "info", **values: object) -> None:
        self.lines.append({"event": event, "level": level, **values})
