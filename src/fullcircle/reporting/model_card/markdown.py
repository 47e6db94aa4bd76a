"""A card as Markdown, in which no free text can become structure."""

import re

from fullcircle.reporting.model_card.parts import (
    Block,
    Bullets,
    Card,
    CommandLines,
    FactList,
    Highlight,
    Paragraph,
    Table,
)

# Neither the brackets of an interval nor the underscore of roc_auc mean anything.
_INLINE = re.compile(r"[\\`*|~]|\](?=[(\[:])|(?<![^\W_])_|_(?![^\W_])")
_LEADING = re.compile(r"^([#+\-=>]|\d+(?=[.)]))")


def as_markdown(card: Card) -> str:
    """Write a card as Markdown with tables, as GitHub and MLflow show it."""
    parts = [
        f"# {_escape(card.title)}",
        _start(card.subtitle),
        *_as_list([_word_glimpse(glimpse) for glimpse in card.glimpses]),
    ]
    for section in card.sections:
        parts += [f"## {_escape(section.title)}", *(_as_text(block) for block in section.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _word_glimpse(glimpse: Highlight) -> str:
    answer = f"**{_escape(glimpse.question)}**: {_escape(glimpse.answer)}"
    return f"{answer} ({_escape(glimpse.remark)})" if glimpse.remark else answer


def _as_list(items: list[str]) -> list[str]:
    return ["\n".join(f"- {item}" for item in items)] if items else []


def _as_text(block: Block) -> str:
    match block:
        case Paragraph():
            return _start(block.text)
        case Bullets():
            return "\n".join(f"- {_start(item.text)}" for item in block.items)
        case FactList():
            return _as_table(["", ""], [list(pair) for pair in block.pairs])
        case CommandLines():
            return "\n".join(f"    {_flatten(line)}" for line in block.lines)
        case Table():
            table = _as_table(block.head, [row.cells for row in block.rows])
            return f"**{_escape(block.caption)}**\n\n{table}"


def _as_table(head: list[str], rows: list[list[str]]) -> str:
    first, *rest = ([_escape(cell) for cell in row] for row in [head, *rows])
    lines = [first, ["---"] * len(head), *rest]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _start(text: str) -> str:
    """Escape text that begins a line, where some characters mean more."""
    return _LEADING.sub(_escape_leading, _escape(text))


def _escape_leading(found: re.Match[str]) -> str:
    return found[0] + "\\" if found[0].isdigit() else "\\" + found[0]


def _escape(text: str) -> str:
    plain = _flatten(text).replace("&", "&amp;").replace("<", "&lt;")
    return _INLINE.sub(r"\\\g<0>", plain)


def _flatten(text: str) -> str:
    return " ".join(text.split())
