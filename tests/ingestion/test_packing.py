"""Packed files: what unpacks to very much more than it holds is refused before it fills memory."""

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fullcircle.core.errors import DataError
from fullcircle.ingestion import packing
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.packing import open_bytes
from fullcircle.ingestion.spreadsheets import open_workbook

MEGABYTE = 1 << 20


def as_zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", content)
    return buffer.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": as_zip,
}


def read_in_pieces(path: Path) -> None:
    with open_bytes(path) as file:
        while file.read(65_536):
            pass


@pytest.mark.parametrize("kind", PACKERS)
def test_a_file_that_unpacks_to_far_more_is_refused_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """16 MB from a few KB, with a bound of 1 MB, end with one line after about as much memory."""
    monkeypatch.setattr(packing, "_FREE_BYTES", MEGABYTE)
    monkeypatch.setattr(packing, "_MOST_TIMES", 2)
    path = tmp_path / f"t.csv.{kind}"
    path.write_bytes(PACKERS[kind](b"1,2\n" * (4 * MEGABYTE)))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="unpacks to more than") as refused:
            read_in_pieces(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "\n" not in str(refused.value)
    assert peak < 12 * MEGABYTE  # xz holds a dictionary of 8 MB


@pytest.mark.parametrize("kind", PACKERS)
def test_an_ordinary_packed_table_is_read_whole(tmp_path: Path, kind: str) -> None:
    """What is packed as tables are comes out byte by byte."""
    content = "".join(f"{n},{n * 7919 % 1000}\n" for n in range(20_000)).encode()
    path = tmp_path / f"t.csv.{kind}"
    path.write_bytes(PACKERS[kind](content))
    with open_bytes(path) as file:
        assert file.read() == content


def test_a_workbook_that_unpacks_to_far_more_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workbook is an archive: its sheets are bounded before any is opened."""
    monkeypatch.setattr(packing, "_FREE_BYTES", MEGABYTE)
    path = tmp_path / "t.xlsx"
    path.write_bytes(as_zip(b"1" * (4 * MEGABYTE)))
    with pytest.raises(DataError, match=r"t\.xlsx unpacks to more than 200 times"):
        open_workbook(path, ReadOptions())
