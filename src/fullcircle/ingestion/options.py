"""What a user says of how a file is written, where the file itself leaves it open."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadOptions:
    """How a source is to be read; what is None is told by the source.

    Attributes:
        named: Columns that the table must have.
        table: Table of a database, sheet of a workbook, file of an archive, or key in JSON.
        header: Whether the first line names the columns.
        separator: What stands between the fields of text.
        encoding: The encoding of text, as Python names it.
        skip_lines: Lines of text before the header.
    """

    named: tuple[str, ...] = ()
    table: str | None = None
    header: bool | None = None
    separator: str | None = None
    encoding: str | None = None
    skip_lines: int | None = None
