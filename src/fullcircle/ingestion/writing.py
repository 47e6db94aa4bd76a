"""What a way of writing delimited text consists of."""

import csv
from dataclasses import dataclass

NAMES = {
    ",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "blank", "^": "caret",
    "~": "tilde", ":": "colon", "\x01": "control character 1", "\x1f": "unit separator",
    "\u00a6": "broken bar", "": "nothing",
}  # fmt: skip
_LONGEST_FIELD = 1 << 24


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written.

    Attributes:
        separator: What stands between fields; empty for a single column.
        quote: What fields may stand in; empty for nothing.
        escape: What stands before a quote within a quoted field; empty where it is doubled.
        collapse: Whether several separators count for one, as in columns filled with blanks.
        blank_after: Whether a blank stands between a separator and an opening quote.
    """

    separator: str
    quote: str = '"'
    escape: str = ""
    collapse: bool = False
    blank_after: bool = False

    def reader_options(self) -> dict[str, object]:
        """Return the options of ``csv.reader``."""
        return {
            # A separator that occurs in no line leaves each line one field.
            "delimiter": self.separator or "\x1e",
            "quotechar": self.quote or None,
            "quoting": csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            "escapechar": self.escape or None,
            "doublequote": True,
            "skipinitialspace": self.collapse or self.blank_after,
        }

    def tell(self) -> str:
        """Return what it is, in words."""
        told = f"separated by {NAMES.get(self.separator, repr(self.separator))}"
        if self.quote not in ('"', ""):
            told += f", quoted by {self.quote}"
        return told + (f", escaped by {self.escape}" if self.escape else "")


def allow_long_fields() -> None:
    """Let ``csv`` read fields of up to 16 million letters."""
    csv.field_size_limit(_LONGEST_FIELD)
