"""Files that are made to fill memory or time: each is refused in one line, in bounded memory."""

import gzip
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fullcircle.core.errors import DataError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows bounds no process so")

MEGABYTE = 1 << 20
MEMORY = 3 << 30  # address space, of which imports and threads take a third
PROCESSOR_SECONDS = 100

READ_TABLES = """
from fullcircle.core.errors import FullCircleError
from fullcircle.ingestion.sources import open_source

def read(path):
    try:
        source = open_source(path)
        for _ in source.batches():
            pass
    except FullCircleError as error:
        return str(error)
    return "read"
"""
READ_RECORDS = """
import pyarrow as pa
from fullcircle.storage.record_files import read_blocks

def read(path):
    reasons = []
    with open(path, "rb") as file:
        for block in read_blocks(file, path, pa.schema([("x", pa.int64()), ("s", pa.string())])):
            reasons += [bad.reason for bad in block.unreadable]
    return reasons[0] if reasons else "read"
"""
PROGRAM = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]), int(sys.argv[1])))
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[2]), int(sys.argv[2])))
print(json.dumps({path: read(path) for path in sys.argv[3:]}))
"""


def read_all(reader: str, folder: Path) -> dict[str, str]:
    """Read each file of a folder in one process with little memory and time."""
    paths = sorted(map(str, folder.iterdir()))
    words = [sys.executable, "-c", reader + PROGRAM, str(MEMORY), str(PROCESSOR_SECONDS), *paths]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    said: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return {Path(path).name: answer for path, answer in said.items()}


def write_endless_line(path: Path, begin: bytes = b"a,b\n") -> None:
    """Write five gigabytes of one line, of which the disk holds a few megabytes."""
    with path.open("wb") as file:
        file.write(begin + b"a" * (20 * MEGABYTE))
        file.truncate(5 << 30)


def write_packed_line(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(300):
            file.write(b"a" * MEGABYTE)


def write_far_cells(path: Path, far: str = "XFD1048576") -> None:
    """Write a workbook of two cells, which stand as far apart as a sheet allows."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    types = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = f'<Relationships xmlns="{types}/relationships"><Relationship Id="rId1" Type='
    row = "".join(filter(str.isdigit, far))
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/></Types>',
        "_rels/.rels": f'{related}"{office}/officeDocument" Target="xl/workbook.xml"/>'
        "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="s" '
        'sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{related}"{office}/worksheet" '
        'Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row r="1">'
        f'<c r="A1"><v>1</v></c></row><row r="{row}"><c r="{far}"><v>2</v></c></row>'
        "</sheetData></worksheet>",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, '<?xml version="1.0"?>' + text)


def write_long_texts(path: Path, letters: int = 8 * MEGABYTE) -> None:
    """Write a few kilobytes of Parquet that stand for very long texts in every row."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["x" * letters])
    pq.write_table(pa.table({"x": range(20_000), "s": text}), path, compression="zstd")


TABLES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "line.csv": (write_endless_line, "is longer than 4 MB"),
    "line.tsv": (write_endless_line, "is longer than 4 MB"),
    "line.csv.gz": (write_packed_line, "is longer than 4 MB"),
    "value.json": (
        lambda path: path.write_bytes(b'[{"a": "' + b"a" * (150 * MEGABYTE) + b'"}]'),
        "one value of more than",
    ),
    "deep.json": (
        lambda path: path.write_bytes(b'[{"a": ' + b"[" * (3 * MEGABYTE) + b"}]"),
        "nested too deeply",
    ),
    "names.jsonl": (
        lambda path: path.write_text("".join(f'{{"n{n}": 1}}\n' for n in range(200_000))),
        "different names",
    ),
    "columns.csv": (
        lambda path: path.write_text(",".join(f"c{n}" for n in range(400_000)) + "\n1\n"),
        "columns, more than 5,000",
    ),
    "far.xlsx": (write_far_cells, "GB of memory"),
    "long.parquet": (write_long_texts, "values of more than 4 MB"),
}

RECORDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "header.csv": (lambda path: write_endless_line(path, b""), "its header is longer than 1 MB"),
    "names.csv": (
        lambda path: path.write_text(",".join(["x"] * 200_000) + "\n1\n"),
        "the header names 'x' twice",
    ),
    "line.csv": (lambda path: write_endless_line(path, b"x,s\n1,"), "cannot be read as csv"),
    "line.jsonl": (lambda path: write_endless_line(path, b'{"s": "'), "is longer than 8 MB"),
    "deep.jsonl": (
        lambda path: path.write_bytes(b'{"x": "' + b'no"}\n{"x": 1, "y": ' + b"[" * MEGABYTE),
        "",
    ),
    "keys.jsonl": (
        lambda path: path.write_text(
            "".join(f'{{"n{n}": 1, "x": "no"}}\n' for n in range(100_000))
        ),
        "read",
    ),
    "long.parquet": (write_long_texts, "values of more than 4 MB"),
}


def attack(tmp_path: Path, reader: str, files: dict[str, Any]) -> dict[str, tuple[str, str]]:
    for name, (write, _) in files.items():
        write(tmp_path / name)
    said = read_all(reader, tmp_path)
    return {name: (said[name], wanted) for name, (_, wanted) in files.items()}


def test_table_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    """In three gigabytes of address space and little time, each bomb is refused in one line."""
    for name, (said, wanted) in attack(tmp_path, READ_TABLES, TABLES).items():
        assert wanted in said, name
        assert "\n" not in said
        assert len(said) < 400, name


def test_record_file_that_is_a_bomb_is_set_aside(tmp_path: Path) -> None:
    """A stream sets each bomb aside with a reason, and goes on."""
    for name, (said, wanted) in attack(tmp_path, READ_RECORDS, RECORDS).items():
        assert wanted in said, name
        assert "\n" not in said


def test_records_behind_an_endless_line_are_read(tmp_path: Path) -> None:
    """A line without an end costs itself alone: its number is right, and the next ones are read."""
    from fullcircle.storage.record_files import read_blocks

    path = tmp_path / "r.jsonl"
    long = b'{"x": 2, "s": "' + b"a" * (20 * MEGABYTE) + b'"}\n'
    path.write_bytes(b'{"x": 1}\n' + long + b'{"x": 3}\n{"x": 4}\n')
    numbers, values, bad = [], [], []
    with path.open("rb") as file:
        for block in read_blocks(file, path.name, pa.schema([("x", pa.int64())])):
            numbers += block.numbers.to_pylist()
            values += block.rows["x"].to_pylist() if len(block.rows) else []
            bad += [each.row for each in block.unreadable]
    assert (numbers, values, bad) == ([1, 3, 4], [1, 3, 4], [2])


def test_ordinary_dictionaries_are_read_whole(tmp_path: Path) -> None:
    """Long texts that are allowed come out one by one as they are, in pieces."""
    from fullcircle.storage.parquet_bounds import open_bounded, read_bounded

    path = tmp_path / "t.parquet"
    texts = [f"{n % 3}" * (MEGABYTE + n % 3) for n in range(200)]
    pq.write_table(pa.table({"s": texts, "n": range(200)}), path)
    file = open_bounded(path, "t", path.stat().st_size)
    pieces = list(read_bounded(file, "t", 1000))
    assert len(pieces) > 1
    assert [text for piece in pieces for text in piece["s"].to_pylist()] == texts
    assert [n for piece in pieces for n in piece["n"].to_pylist()] == list(range(200))


def test_more_rows_than_a_file_can_hold_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that states more rows for its bytes than any writer packs is refused unread."""
    from fullcircle.storage import parquet_bounds

    monkeypatch.setattr(parquet_bounds, "_FREE_ROWS", 1000)
    monkeypatch.setattr(parquet_bounds, "_MOST_ROWS_PER_BYTE", 10)
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": pa.repeat(pa.scalar(1, pa.int8()), 500_000)}), path)
    with pytest.raises(DataError, match="500,000 rows in"):
        parquet_bounds.open_bounded(path, "t", path.stat().st_size)


def test_columns_that_unpack_to_far_more_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column whose pages unpack to far more than they hold is refused unread."""
    from fullcircle.storage import parquet_bounds

    monkeypatch.setattr(parquet_bounds, "_FREE_BYTES", MEGABYTE)
    monkeypatch.setattr(parquet_bounds, "_MOST_TIMES", 20)
    path = tmp_path / "t.parquet"
    rows = pa.table({"x": pa.repeat(pa.scalar(1, pa.int64()), 2_000_000)})
    pq.write_table(rows, path, use_dictionary=False, compression="zstd")
    with pytest.raises(DataError, match="The column x of t unpacks to more than 20 times"):
        parquet_bounds.open_bounded(path, "t", path.stat().st_size)
