"""Pictures of numbers: SVG drawn on the server, styled by classes alone, with a title and a description for those who listen."""

from collections.abc import Sequence

import msgspec
from markupsafe import Markup, escape

_WIDTH, _HEIGHT = 640, 160
_LEFT, _BOTTOM, _TOP = 40, 20, 8
_WIDEST = 48.0
_STAGE = 52


class Bar(msgspec.Struct, frozen=True):
    """One bar: its label, and its parts from the bottom up."""

    label: str
    parts: tuple[float, ...]


class Bin(msgspec.Struct, frozen=True):
    """Answers of about one predicted probability: that, the share that was right, and how many."""

    predicted: float
    observed: float
    n: int


def bars(data: Sequence[Bar], *, title: str, names: Sequence[str]) -> Markup:
    """A bar chart; *names* are what the parts of a bar are, drawn with the classes `part-0`, `part-1` …"""
    top = _round_up(max((sum(bar.parts) for bar in data), default=0.0))
    step = (_WIDTH - _LEFT) / max(1, len(data))
    width = min(step * 0.7, _WIDEST)
    room = _HEIGHT - _BOTTOM - _TOP
    pieces = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for share in (0.0, 0.5, 1.0):
        y = _TOP + room * (1 - share)
        pieces.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        pieces.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * share:,.0f}</text>')
    every = max(1, -(-len(data) // 10))
    for at, bar in enumerate(data):
        x = _LEFT + step * at
        said = ", ".join(f"{value:,.0f} {name}" for name, value in zip(names, bar.parts, strict=True))
        pieces.append(f"<g><title>{escape(bar.label)}: {escape(said)}</title>")
        y = float(_TOP + room)
        for part, value in enumerate(bar.parts):
            height = room * value / top
            y -= height
            pieces.append(
                f'<rect class="part-{part}" x="{x + (step - width) / 2:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1"/>'
            )
        pieces.append("</g>")
        if at % every == 0:
            pieces.append(
                f'<text class="tick" x="{x + step / 2:.1f}" y="{_HEIGHT - 5}" text-anchor="middle">{escape(bar.label)}</text>'
            )
    pieces.append("</svg>")
    return Markup("".join(pieces))  # noqa: S704


def funnel(stages: Sequence[Bar], *, title: str, names: Sequence[str]) -> Markup:
    """One bar below the other, each a part of the first; what a stage counts stands above its bar, for the eye and for the ear."""
    height, top = _STAGE * len(stages), max((sum(stage.parts) for stage in stages), default=0.0) or 1.0
    whole = sum(stages[0].parts) if stages else 0.0
    pieces = [
        f'<svg class="chart funnel" viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for at, stage in enumerate(stages):
        y, x, number = _STAGE * at, 0.0, sum(stage.parts)
        share = f" · {number / whole:.0%}" if at and whole else ""
        said = ", ".join(
            f"{value:,.0f} {name}" for name, value in zip(names, stage.parts, strict=True) if name and value
        )
        pieces.append(
            f"<g><title>{escape(stage.label)}: {number:,.0f}{share}{escape(f' ({said})' if said else '')}</title>"
            f'<text class="stage" x="0" y="{y + 20}">{escape(stage.label)}</text>'
            f'<text class="stage" x="{_WIDTH}" y="{y + 20}" text-anchor="end">{number:,.0f}{share}</text>'
            f'<rect class="groove" x="0" y="{y + 28}" width="{_WIDTH}" height="12" rx="2"/>'
        )
        for part, value in enumerate(stage.parts):
            width = _WIDTH * value / top
            if value:
                pieces.append(
                    f'<rect class="part-{part}" x="{x:.1f}" y="{y + 28}" width="{max(width, 2):.1f}" height="12" rx="2"/>'
                )
            x += width
        pieces.append("</g>")
    pieces.append("</svg>")
    return Markup("".join(pieces))  # noqa: S704


def reliability(bins: Sequence[Bin], *, title: str) -> Markup:
    """What was said against what came true: on the diagonal a probability holds. A dot's area goes with its number."""
    size, margin = 320, 34
    room = size - 2 * margin

    def at(x: float, y: float) -> tuple[float, float]:
        return margin + room * x, size - margin - room * y

    pieces = [
        f'<svg class="chart square" viewBox="0 0 {size} {size}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = at(tick, tick)
        pieces.append(f'<line class="grid" x1="{margin}" x2="{size - margin}" y1="{y:.1f}" y2="{y:.1f}"/>')
        pieces.append(f'<text class="tick" x="{margin - 5}" y="{y + 4:.1f}" text-anchor="end">{tick:.0%}</text>')
        pieces.append(f'<text class="tick" x="{x:.1f}" y="{size - margin + 14}" text-anchor="middle">{tick:.0%}</text>')
    (x1, y1), (x2, y2) = at(0, 0), at(1, 1)
    pieces.append(f'<line class="ideal" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
    most = max((item.n for item in bins), default=1)
    for item in bins:
        x, y = at(item.predicted, item.observed)
        radius = 3 + 9 * (item.n / most) ** 0.5
        said = f"said {item.predicted:.0%}, true {item.observed:.0%}, n = {item.n:,}"
        pieces.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{said}</title></circle>')
    pieces.append(
        f'<text class="tick" x="{size / 2}" y="{size - 4}" text-anchor="middle">probability given</text></svg>'
    )
    return Markup("".join(pieces))  # noqa: S704


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20 … that is not below *value*: a scale whose half is a number one can read."""
    scale = 2.0
    while scale < value:
        scale *= 2.5 if str(scale)[0] == "2" else 2
    return scale
