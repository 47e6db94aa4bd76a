"""A card as one HTML page."""

from dataclasses import asdict
from typing import Any

from fullcircle.reporting.model_card.parts import Block, Card, Range, Table
from fullcircle.reporting.pages import fill_page

_TEMPLATE = "card.html.jinja"
_MARGIN = 0.04  # share of the axis left free at either end


def as_page(card: Card) -> str:
    """Write a card as HTML that needs no network and no script."""
    sections = [
        {"key": section.key, "title": section.title, "blocks": list(map(_as_part, section.blocks))}
        for section in card.sections
    ]
    return fill_page(
        _TEMPLATE,
        title=card.title,
        subtitle=card.subtitle,
        glimpses=card.glimpses,
        sections=sections,
    )


def _as_part(block: Block) -> dict[str, Any]:
    """Give a block's fields and its kind; of a table also the places of its drawings."""
    part = {"kind": type(block).__name__.lower(), **asdict(block)}
    if isinstance(block, Table):
        part["drawings"] = _place([row.drawn for row in block.rows])
    return part


def _place(ranges: list[Range | None]) -> list[dict[str, float | None] | None]:
    """Place drawings on an axis that holds all of them and their marks, in percent of it."""
    drawn = [r for r in ranges if r is not None]
    if not drawn:
        return [None] * len(ranges)
    ends = [end for r in drawn for end in (r.low, r.high, r.mark) if end is not None]
    low, span = min(ends), (max(ends) - min(ends)) or 1.0

    def place(value: float) -> float:
        return 100 * (_MARGIN + (1 - 2 * _MARGIN) * (value - low) / span)

    return [
        None
        if r is None
        else {
            "left": place(r.low),
            "width": place(r.high) - place(r.low),
            "point": place(r.value),
            "mark": None if r.mark is None else place(r.mark),
        }
        for r in ranges
    ]
