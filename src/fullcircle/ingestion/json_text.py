"""JSON in every shape that people are handed: lines, arrays, pretty-printed, or wrapped."""

import codecs
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ConfigurationError, DataError, name_missing
from fullcircle.core.survey.findings import Finding
from fullcircle.ingestion.delimited import refuse_page
from fullcircle.ingestion.encoding import TextFile, open_text
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.packing import open_bytes
from fullcircle.ingestion.source import Source, of_texts
from fullcircle.ingestion.written import as_written

_CHUNK = 1 << 18
_MOST_LETTERS = 1 << 28  # of one value, kept in memory whole
_DEPTH = 3
_BLANKS = " \t\r\n,"


def open_json(path: Path, options: ReadOptions) -> Source:
    """Open JSON; each object is a row, and columns are all names, in the order met.

    Objects within an object become columns such as ``site.name``; lists stay as they are written.

    Raises:
        DataError: The file is no JSON, or holds no objects.
        ConfigurationError: An object holds several tables, and none is named.
    """
    text = open_text(path, partial(open_bytes, path))
    refuse_page(path, text.head)
    key, told = _find_key(path, text, options.table)
    names: dict[str, None] = {}
    for record in _read_objects(path, text, key):
        names |= dict.fromkeys(record)
    if not names:
        raise DataError(f"{path} is empty. Give a file of JSON objects.")

    def rows() -> Iterator[list[str | None]]:
        for record in _read_objects(path, text, key):
            yield [as_written(record.get(name)) for name in names]

    findings = [Finding("assumed", "file", told), *text.findings]
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
    decoder, buffer, line, in_array, first = json.JSONDecoder(), "", 1, False, True
    chunks = _read_chunks(text)
    more = True
    while True:
        stripped = buffer.lstrip(_BLANKS)
        line += buffer.count("\n", 0, len(buffer) - len(stripped))
        buffer = stripped
        if first and buffer:
            first = False
            if buffer[0] == "[":
                in_array, buffer = True, buffer[1:]
                continue
        if in_array and buffer.startswith("]"):
            return
        if not buffer:
            buffer = next(chunks, "")
            if not buffer:
                return
            continue
        try:
            value, end = decoder.raw_decode(buffer)
            # A number that the chunk cut would be read as another one.
            if end < len(buffer) or not more:
                yield value
                line += buffer.count("\n", 0, end)
                buffer = buffer[end:]
                continue
        except json.JSONDecodeError as error:
            if not more or _breaks_line(buffer, error):
                ends = not buffer[error.pos :].strip()
                where = line if ends else line + buffer.count("\n", 0, error.pos)
                raise DataError(
                    f"Line {where} of {path} is no JSON: {error.msg}. Each line must hold one "
                    "object, or the file one array of objects."
                ) from error
        except RecursionError as error:
            raise DataError(f"Line {line} of {path} is nested too deeply to be a row.") from error
        if len(buffer) > _MOST_LETTERS:
            raise DataError(f"{path} holds one value of more than {_MOST_LETTERS:,} letters.")
        chunk = next(chunks, "")
        while chunk and len(chunk) < len(buffer):  # so that a long value is tried few times
            added = next(chunks, "")
            if not added:
                break
            chunk += added
        more = bool(chunk)
        buffer += chunk


def _breaks_line(buffer: str, error: json.JSONDecodeError) -> bool:
    """Tell whether a fault lies well before the end, so that more text cannot heal it."""
    return error.pos < len(buffer) - 4096 and "Unterminated" not in error.msg


def _read_chunks(text: TextFile) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(text.encoding)(errors="latin_bytes")
    with text.open() as file:
        while data := file.read(_CHUNK):
            if piece := decoder.decode(data).replace("\0", ""):
                yield piece
    if piece := decoder.decode(b"", final=True):
        yield piece
