"""One pass over the bytes of a file: what tells how its letters are written."""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fullcircle.core.errors import DataError

CHUNK = 1 << 20
HEAD = 1 << 20
MAX_LINE_BYTES = 1 << 22  # as DuckDB's reader has it; no record is longer either
_TAIL = 1 << 14
_LEGACY_SAMPLE = 1 << 16
# Controls that no text holds: Windows-1252, read as Latin-1 before it was saved.
_SHIFTED = re.compile("[\x80-\x84\x86-\x9f]")
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass
class Scan:
    """What one pass over the bytes counts."""

    size: int = 0
    breaks: int = 0
    zeros: int = 0
    controls: int = 0
    bad: int = 0
    high: int = 0
    shifted: int = 0
    first_bad_line: int = 0
    line: int = 0
    head: bytes = b""
    tail: bytes = b""
    legacy: bytes = b""


def scan_bytes(path: Path, opener: Callable[[], IO[bytes]], *, in_lines: bool = True) -> Scan:
    """Read all bytes once: count what matters, and keep beginning, end and odd lines.

    Args:
        path: The file, for messages.
        opener: Opens its bytes, unpacked.
        in_lines: Whether the text comes in lines, of which none may be endless.

    Raises:
        DataError: The file cannot be unpacked, or a line has no end.
    """
    scan = Scan()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="strict")
    try:
        with opener() as file:
            while data := file.read(CHUNK):
                if len(scan.head) < HEAD:
                    scan.head += data[: HEAD - len(scan.head)]
                scan.tail = (scan.tail + data)[-_TAIL:]
                scan.zeros += data.count(b"\0")
                if not data.isascii() or decoder.getstate()[0]:
                    _check_utf8(scan, data, decoder)
                if scan.size < HEAD:
                    scan.controls += len(_CONTROLS.findall(data))
                scan.size += len(data)
                if in_lines:
                    _follow_line(scan, data, path)
                scan.breaks += data.count(b"\n")
    except DataError:
        raise
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}.") from error
    except Exception as error:  # each way of packing has errors of its own
        raise DataError(f"{path} cannot be unpacked: {error}.") from error
    return scan


def _follow_line(scan: Scan, data: bytes, path: Path) -> None:
    """Measure the line that a chunk leaves open.

    Raises:
        DataError: It is longer than any line of a table.
    """
    last = max(data.rfind(b"\n"), data.rfind(b"\r"))
    scan.line = scan.line + len(data) if last < 0 else len(data) - 1 - last
    if scan.line > MAX_LINE_BYTES:
        number = scan.breaks + data.count(b"\n") + 1
        raise DataError(
            f"Line {number:,} of {path} is longer than {MAX_LINE_BYTES / 2**20:.0f} MB. No table "
            "has such lines: look at how the file ends its lines."
        )


def _check_utf8(scan: Scan, data: bytes, decoder: codecs.IncrementalDecoder) -> None:
    """Count the bytes that are no UTF-8, and keep lines that hold letters beyond ASCII."""
    pending = decoder.getstate()[0]
    try:
        text = decoder.decode(data)
    except UnicodeDecodeError:
        decoder.reset()
        _count_bad(scan, pending + data, decoder)
    else:
        scan.high += max(len(data) - len(text), 0)
        scan.shifted += len(_SHIFTED.findall(text))


def _count_bad(scan: Scan, data: bytes, decoder: codecs.IncrementalDecoder) -> None:
    text = data.decode("utf-8", errors="surrogateescape")
    places = [match.start() for match in re.finditer("[\udc80-\udcff]", text)]
    cut = _cut_bytes(data)  # of a letter that the chunk's end cut, which is not bad
    places = places[: len(places) - cut]
    if places and not scan.bad:
        scan.first_bad_line = scan.breaks + 1 + text.count("\n", 0, places[0])
    scan.bad += len(places)
    scan.high += len(re.findall("[^\x00-\x7f\udc80-\udcff]", text))
    scan.shifted += len(_SHIFTED.findall(text))
    if cut:
        decoder.decode(data[-cut:])
    if len(scan.legacy) < _LEGACY_SAMPLE:
        odd = [line for line in data.split(b"\n") if not line.isascii()]
        scan.legacy += b"\n".join(odd)[: _LEGACY_SAMPLE - len(scan.legacy)]


def _cut_bytes(data: bytes) -> int:
    """Return how many bytes at the end begin a letter that is not complete."""
    for cut in range(1, min(4, len(data) + 1)):
        byte = data[-cut]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return cut if needed > cut else 0
        if byte < 0x80:
            return 0
    return 0
