"""What a table leaves open: two readings that fit it alike, each with what it would give."""

from dataclasses import dataclass

from fullcircle.core.parsing.numbers import NumberFormat
from fullcircle.core.parsing.timestamps import read_moment
from fullcircle.ingestion.inference.column_kinds import Column


@dataclass(frozen=True)
class Choice:
    """One way of reading a column.

    Attributes:
        how: As ``--read`` takes it.
        preview: What a text of the column becomes.
    """

    how: str
    preview: str


@dataclass(frozen=True)
class Question:
    """A column that can be read in two ways.

    Attributes:
        column: Its name in the source.
        asked: What is asked, in a sentence.
        choices: The ways; the first is what would be taken.
    """

    column: str
    asked: str
    choices: tuple[Choice, ...]

    def tell(self) -> str:
        """Return the question with its choices and the option that answers it, in one line."""
        ways = "; or ".join(
            f"--read {self._quote(each.how)} reads {each.preview}" for each in self.choices
        )
        return f"{self.asked} Say which: {ways}."

    def _quote(self, how: str) -> str:
        return f"'{self.column}={how}'"


def ask_about(column: Column) -> Question | None:
    """Return the question that a column raises, or None where its texts decide."""
    if not column.guessed or not column.other:
        return None
    if column.kind == "number":
        own = "decimal-comma" if column.form.decimal == "," else "decimal-point"
        asked = f"The numbers of {column.source!r}, as {column.example!r}, can be read in two ways."
        choices = [Choice(how, _preview_number(column.example, how)) for how in (own, column.other)]
    else:
        asked = f"The dates of {column.source!r}, as {column.example!r}, can be read in two ways."
        ways = (column.layout, column.other)
        choices = [Choice(how, _preview_moment(column.example, how)) for how in ways]
    return Question(column.source, asked, tuple(choices))


def _preview_number(text: str, how: str) -> str:
    form = NumberFormat(",", ".") if how == "decimal-comma" else NumberFormat(".", ",")
    number = form.read(text)
    return f"{text} as {number:g}" if number is not None else f"{text} as missing"


def _preview_moment(text: str, how: str) -> str:
    moment = read_moment(text, how)
    return f"{text} as {moment:%d %B %Y}" if moment else f"{text} as missing"
