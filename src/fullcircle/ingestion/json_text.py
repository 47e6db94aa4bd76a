"""JSON in every shape that people are handed: lines, arrays, pretty-printed, or wrapped."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.ingestion.delimited import refuse_page
from fullcircle.ingestion.encoding import TextFile, open_text
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.packing import open_bytes
from fullcircle.ingestion.source import MAX_COLUMNS, Source, of_texts
from fullcircle.ingestion.written import as_written

_CHUNK = 1 << 18
_MOST_LETTERS = 1 << 26  # of one value, kept in memory whole
_DEPTH = 3
_BLANKS = " \t\r\n,"


def open_json(path: Path, options: ReadOptions) -> Source:
    """Open JSON; each object is a row, and columns are all names, in the order met.

    Objects within an object become columns such as ``site.name``; lists stay as they are written.

    Raises:
        DataError: The file is no JSON, or holds no objects.
        ConfigurationError: An object holds several tables, and none is named.
    """
    text = open_text(path, partial(open_bytes, path), in_lines=False)
    refuse_page(path, text.head)
    key, told = _find_key(path, text, options.table)
    names: dict[str, None] = {}
    for record in _read_objects(path, text, key):
        names |= dict.fromkeys(record)
        if len(names) > MAX_COLUMNS:
            raise DataError(
                f"{path} has more than {MAX_COLUMNS:,} different names. Give one name to what is "
                "one column, or choose some of them."
            )
    if not names:
        raise DataError(f"{path} is empty. Give a file of JSON objects.")

    def rows() -> Iterator[list[str | None]]:
        for record in _read_objects(path, text, key):
            yield [as_written(record.get(name)) for name in names]

    findings = [Issue("assumed", "file", told), *text.findings]
    return of_texts("JSON", list(names), rows, findings)


def _find_key(path: Path, text: TextFile, wanted: str | None) -> tuple[str | None, str]:
    """Tell under which key of a single object the table is; None where there is no such key."""
    start = text.head.lstrip("\ufeff \t\r\n")
    if start.startswith("["):
        return None, "JSON: an array of objects"
    values = _read_values(path, text)
    first = next(values, None)
    if not isinstance(first, dict) or next(values, None) is not None:
        return None, "JSON: an object a row"
    tables = {
        name: value
        for name, value in _walk(first)
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    }
    if wanted is None and len(tables) == 1:
        wanted = next(iter(tables))
    if not tables:
        return None, "JSON: a single object"
    if wanted not in tables:
        wrong = f"no table {name_missing([wanted], tables)}" if wanted else "several tables"
        raise ConfigurationError(f"{path} holds {wrong}. Say --table; it has: {', '.join(tables)}.")
    return wanted, f"JSON: the objects under {wanted!r}"


def _walk(
    value: dict[str, Any], before: str = "", depth: int = _DEPTH
) -> Iterator[tuple[str, Any]]:
    for name, each in value.items():
        yield before + name, each
        if isinstance(each, dict) and depth:
            yield from _walk(each, f"{before}{name}.", depth - 1)


def _read_objects(path: Path, text: TextFile, key: str | None) -> Iterator[dict[str, Any]]:
    """Yield the objects that are rows, each with plain values."""
    values: Any = _read_values(path, text)
    if key is not None:
        found: Any = next(values)
        values = iter(dict(_walk(found))[key])
        values = ((1, each) for each in values)
    else:
        values = _number(values)
    for number, value in values:
        if not isinstance(value, dict):
            raise DataError(f"Line {number} of {path} is no JSON object: {str(value)[:40]!r}.")
        yield _flatten(value)


def _number(values: Iterator[Any]) -> Iterator[tuple[int, Any]]:
    yield from enumerate(values, start=1)


def _flatten(value: dict[str, Any], before: str = "", depth: int = _DEPTH) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, dict) and each and depth:
            flat |= _flatten(each, f"{before}{name}.", depth - 1)
        else:
            flat[before + name] = each
    return flat


def _read_values(path: Path, text: TextFile) -> Iterator[Any]:
    """Yield the values of a text one by one: the elements of an array, or all that follow."""
    decoder, window = json.JSONDecoder(), _Window(path, _read_chunks(text))
    in_array = window.fill() and window.buffer[0] == "["
    if in_array:
        window.drop(1)
    while window.fill() and not (in_array and window.buffer[0] == "]"):
        try:
            value, end = decoder.raw_decode(window.buffer)
        except json.JSONDecodeError as error:
            if window.is_last or _breaks_line(window.buffer, error):
                raise _explain(path, window, error) from error
            window.grow()
        except RecursionError as error:
            raise DataError(
                f"Line {window.line} of {path} is nested too deeply to be a row."
            ) from error
        else:
            # A number that the window cut would be read as another one.
            if end == len(window.buffer) and not window.is_last:
                window.grow()
                continue
            yield value
            window.drop(end)


@dataclass
class _Window:
    """The part of a text that is looked at."""

    path: Path
    chunks: Iterator[str]
    buffer: str = ""
    line: int = 1
    is_last: bool = False

    def fill(self) -> bool:
        """Pass over blanks and commas, and tell whether anything follows."""
        while True:
            self.drop(len(self.buffer) - len(self.buffer.lstrip(_BLANKS)))
            if self.buffer or self.is_last:
                return bool(self.buffer)
            self.grow()

    def drop(self, letters: int) -> None:
        """Pass over letters."""
        self.line += self.buffer.count("\n", 0, letters)
        self.buffer = self.buffer[letters:]

    def grow(self) -> None:
        """Add as much as there is, so that a long value is tried few times."""
        if len(self.buffer) > _MOST_LETTERS:
            raise DataError(f"{self.path} holds one value of more than {_MOST_LETTERS:,} letters.")
        wanted, added = max(len(self.buffer), 1), ""
        while len(added) < wanted and (chunk := next(self.chunks, "")):
            added += chunk
        self.is_last = not added
        self.buffer += added


def _explain(path: Path, window: _Window, error: json.JSONDecodeError) -> DataError:
    ends = not window.buffer[error.pos :].strip()
    line = window.line + (0 if ends else window.buffer.count("\n", 0, error.pos))
    return DataError(
        f"Line {line} of {path} is no JSON: {error.msg}. Each line must hold one object, or the "
        "file one array of objects."
    )


def _breaks_line(buffer: str, error: json.JSONDecodeError) -> bool:
    """Tell whether a fault lies well before the end, so that more text cannot heal it."""
    return error.pos < len(buffer) - 4096 and "Unterminated" not in error.msg


def _read_chunks(text: TextFile) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(text.encoding)(errors="latin_bytes")
    with text.open() as file:
        while data := file.read(_CHUNK):
            if piece := text.settle(decoder.decode(data)):
                yield piece
    if piece := decoder.decode(b"", final=True):
        yield piece
