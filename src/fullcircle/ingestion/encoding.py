"""Which bytes mean which letters: told by the whole file, not by its beginning alone."""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from fullcircle.core.errors import DataError
from fullcircle.core.questions import Question
from fullcircle.ingestion.code_pages import find_legacies
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.scanning import CHUNK, HEAD, Scan, scan_bytes
from fullcircle.ingestion.source_questions import ask_about_encoding

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SHIFTED_LETTERS = {
    place: bytes([place]).decode("cp1252")
    for place in range(0x80, 0xA0)
    if place not in (0x81, 0x85, 0x8D, 0x8F, 0x90, 0x9D)
}
_NAMES = {"cp1252": "Windows-1252"}
_BAD_BYTES_SHARE = 0.05
_CONTROL_SHARE = 0.01
_NO_TEXT = "Give CSV, Parquet, Excel or JSON lines."
_NO_TEXTS = (b"%PDF", b"\x89PNG", b"PAR1")


@dataclass(frozen=True)
class TextFile:
    """A text file whose letters are known.

    Attributes:
        path: The file.
        open: Opens its bytes, unpacked.
        encoding: Its encoding, as Python names it.
        clean: Whether every byte is UTF-8 text without zero bytes, so that any reader agrees.
        head: Its first million letters, or all of them.
        tail: Its last letters, where ``head`` does not hold them.
        size: Bytes, unpacked.
        breaks: Line breaks, as bytes.
        findings: What was assumed of its letters.
        shifted: Whether letters of Windows-1252 were saved as control characters.
        question: Which letters its bytes are, where several code pages fit.
    """

    path: Path
    open: Callable[[], IO[bytes]]
    encoding: str
    clean: bool
    head: str
    tail: str
    size: int
    breaks: int
    findings: tuple[Issue, ...]
    question: Question | None = None
    shifted: bool = False

    def settle(self, text: str) -> str:
        """Return decoded text as it is meant: no zero bytes, no letters saved as controls."""
        text = text.replace("\0", "")
        return text.translate(_SHIFTED_LETTERS) if self.shifted else text

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends, zero bytes left out; bad bytes are read as Latin."""
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="latin_bytes")
        rest = ""
        with self.open() as file:
            while data := file.read(CHUNK):
                text = rest + self.settle(decoder.decode(data))
                # A return at the end may be the first half of a line's end.
                if text.endswith("\r"):
                    text, kept = text[:-1], "\r"
                else:
                    kept = ""
                parts = _split_lines(text)
                rest = parts.pop() + kept if parts else kept
                yield from parts
        rest += self.settle(decoder.decode(b"", final=True))
        yield from (part for part in _split_lines(rest) if part)


def _split_lines(text: str) -> list[str]:
    """Split at line ends only, keeping them; the last part has no end."""
    if "\r" not in text:
        parts = text.split("\n")
        return [f"{part}\n" for part in parts[:-1]] + parts[-1:]
    ends = re.compile(r"\r\n|\n|\r")
    parts, start = [], 0
    for match in ends.finditer(text):
        parts.append(text[start : match.end()])
        start = match.end()
    return [*parts, text[start:]]


def _read_latin_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return bad.decode("cp1252", errors="replace"), error.end


codecs.register_error("latin_bytes", _read_latin_bytes)


def open_text(path: Path, opener: Callable[[], IO[bytes]], *, in_lines: bool = True) -> TextFile:
    """Tell how a text file is encoded.

    Args:
        path: The file, for messages.
        opener: Opens its bytes, unpacked.
        in_lines: Whether the text comes in lines, of which none may be endless.

    Raises:
        DataError: The file is empty, cannot be unpacked, is no text, or has a line without end.
    """
    scan = scan_bytes(path, opener, in_lines=in_lines)
    if not scan.head.strip(b" \t\r\n\xef\xbb\xbf"):
        raise DataError(f"{path} is empty. Give a file with a header and rows.")
    encodings, findings = _choose(path, scan)
    encoding = encodings[0]
    whole = len(scan.head) == scan.size
    head = scan.head.decode(encoding, errors="latin_bytes" if whole else "ignore")
    tail = "" if whole else _decode_tail(scan, encoding)
    clean = encoding in ("utf-8", "utf-8-sig") and not scan.bad and not scan.zeros
    shifted = bool(scan.shifted) and encoding in ("utf-8", "utf-8-sig")
    if shifted:
        told = f"{scan.shifted} control characters stand for letters of Windows-1252: read as these"
        findings.append(Issue("danger", "encoding", told, "check these letters"))
    text = TextFile(
        path=path,
        open=opener,
        encoding=encoding,
        clean=clean and not shifted,
        head="",
        tail="",
        size=scan.size,
        breaks=scan.breaks,
        findings=tuple(findings),
        shifted=shifted,
        question=ask_about_encoding(path.name, scan.legacy, encodings),
    )
    return replace(text, head=text.settle(head), tail=text.settle(tail))


def _decode_tail(scan: Scan, encoding: str) -> str:
    """Decode the last bytes, from the first whole letter."""
    if not encoding.startswith(("utf-16", "utf-32")):
        return scan.tail.decode(encoding, errors="ignore")
    name = (
        encoding if encoding.endswith("e") else f"{encoding}-{'le' if _is_little(scan) else 'be'}"
    )
    skew = (scan.size - len(scan.tail)) % (4 if "32" in encoding else 2)
    return scan.tail[skew:].decode(name, errors="ignore")


def _is_little(scan: Scan) -> bool:
    return scan.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF32_LE))


def _choose(path: Path, scan: Scan) -> tuple[list[str], list[Issue]]:
    """Return the encodings that fit, the likeliest first, and what was assumed."""
    for mark, encoding in _MARKS:
        if scan.head.startswith(mark):
            return [encoding], []
    if wide := _find_wide(scan.head):
        told = f"{wide.upper()} without a mark: every second byte is zero"
        return [wide], [Issue("assumed", "encoding", told)]
    if scan.zeros > max(scan.size / 1000, 8) or scan.head.startswith(_NO_TEXTS):
        raise DataError(f"{path} is no text: it holds zero bytes or other data. {_NO_TEXT}")
    if scan.controls > min(scan.size, HEAD) * _CONTROL_SHARE:
        raise DataError(f"{path} is no text. {_NO_TEXT}")
    findings = []
    if scan.zeros:
        told = f"{scan.zeros} zero bytes were left out"
        findings.append(Issue("danger", "encoding", told, "look at how the file was made"))
    if not scan.bad:
        return ["utf-8"], findings
    if scan.high and scan.bad <= max(1, scan.high * _BAD_BYTES_SHARE):
        told = (
            f"UTF-8 but for {scan.bad} bytes, the first in line {scan.first_bad_line}: "
            "these were read as Windows-1252"
        )
        return ["utf-8"], [*findings, Issue("danger", "encoding", told, "check these letters")]
    encodings = find_legacies(scan.legacy)
    told = f"not UTF-8: taken for {_NAMES.get(encodings[0], encodings[0])}"
    do = "--encoding NAME, or save the file as UTF-8, if letters look wrong"
    return encodings, [*findings, Issue("danger", "encoding", told, do)]


def _find_wide(head: bytes) -> str | None:
    """Tell UTF-16 without a mark: nearly all zero bytes stand at every second place."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half < 2:
        return None
    if odd > 0.3 * half and even < 0.02 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.3 * half and odd < 0.02 * half else None
