"""Tables of every kind come in whole, and what is no table ends in one clear line."""

import csv
import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fullcircle.core.errors import ConfigurationError, DataError, FullCircleError
from fullcircle.ingestion import ReadOptions, copy_table, open_source
from fullcircle.ingestion.source import resolve_names

FRAME = pd.DataFrame(
    {"name": ["Ann", "Bö, b", None], "age": [31, 4, 58], "size": [1.5, 2.0, -0.25], "y": [1, 0, 1]}
)
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc"])
WRITTEN = [["Ann", "31", "1.5", "1"], ["Bö, b", "4", "2", "0"], [None, "58", "-0.25", "1"]]


def take(tmp_path: Path, address: str, **options: Any) -> list[list[Any]]:
    """Take a table in, and give its rows as texts."""
    target = options.pop("target", None)
    given = ReadOptions(named=(target,) if target else (), **options)
    taken = copy_table(open_source(address, given), tmp_path / "taken.parquet")
    rows = pq.read_table(taken.path).to_pylist()
    return [[plain(value) for value in row.values()] for row in rows]


def plain(value: Any) -> str | None:
    """Give a value as text, without a needless fraction; blank and null alike."""
    if value is None or value == "":
        return None
    return f"{value:g}" if isinstance(value, float) else str(value).removesuffix(".0")


def write_excel(path: Path) -> str:
    FRAME.to_excel(path / "t.xlsx", index=False)
    return str(path / "t.xlsx")


def write_database(path: Path) -> str:
    import sqlalchemy as sa

    engine = sa.create_engine(f"sqlite:///{path}/t.db")
    FRAME.to_sql("people", engine, index=False)
    FRAME.to_sql("others", engine, index=False)
    engine.dispose()
    return f"sqlite:///{path}/t.db"


def write_delta(path: Path) -> str:
    from deltalake import write_deltalake

    write_deltalake(path / "delta", pa.Table.from_pandas(FRAME))
    return str(path / "delta")


def write(path: Path, how: str) -> str:
    if how == "parquet":
        FRAME.to_parquet(path / "t.parquet")
        return str(path / "t.parquet")
    FRAME.to_json(path / "t.jsonl", orient="records", lines=True, force_ascii=False)
    return str(path / "t.jsonl")


@pytest.mark.parametrize("kind", ["parquet", "json lines", "excel", "delta", "database"])
def test_every_kind_of_table_comes_in_whole(tmp_path: Path, kind: str) -> None:
    """The same rows arrive from Parquet, JSON lines, Excel, Delta and a database."""
    special = {"excel": write_excel, "delta": write_delta, "database": write_database}
    address = special[kind](tmp_path) if kind in special else write(tmp_path, kind)
    table = {"database": "people", "excel": "Sheet1"}.get(kind)
    assert take(tmp_path, address, table=table) == WRITTEN


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_comes_in_whatever_its_encoding_and_separator(
    tmp_path: Path, encoding: str, separator: str
) -> None:
    """Marks, encodings and separators are told by the file, and its texts arrive as they were."""
    FRAME.to_csv(tmp_path / "t.csv", index=False, sep=separator, encoding=encoding)
    wanted = [[*row[:2], row[2] if row[2] != "2" else "2", row[3]] for row in WRITTEN]
    assert take(tmp_path, str(tmp_path / "t.csv"), target="y") == wanted


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.lists(
            st.text(st.sampled_from("\n\t") | LETTERS, max_size=9),
            min_size=3,
            max_size=3,
        ),
        min_size=1,
        max_size=9,
    ),
    separator=st.sampled_from([",", ";", "\t", "|"]),
)
def test_any_text_survives_quoting(tmp_path: Path, rows: list[list[str]], separator: str) -> None:
    """Fields with separators, quotes and line breaks come back as they were; blank rows do not."""
    with (tmp_path / "t.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL)
        writer.writerows([["a", "b", "y"], *[["1", "2", "3"]] * 9, *rows])
    taken = copy_table(
        open_source(str(tmp_path / "t.csv"), ReadOptions(named=("y",))), tmp_path / "x.parquet"
    )
    read = [list(row.values()) for row in pq.read_table(taken.path).to_pylist()]
    assert read[9:] == [row for row in rows if any(cell.strip() for cell in row)]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    content=st.binary(max_size=400),
    ending=st.sampled_from([".csv", ".jsonl", ".parquet", ".xlsx", ".csv.gz"]),
)
def test_any_bytes_are_a_table_or_one_clear_line(
    tmp_path: Path, content: bytes, ending: str
) -> None:
    """Whatever bytes a file holds, it comes in or is refused in one line, without a traceback."""
    path = tmp_path / f"t{ending}"
    path.write_bytes(content)
    try:
        copy_table(open_source(str(path)), tmp_path / "x.parquet")
    except FullCircleError as error:
        assert "\n" not in str(error).strip()  # noqa: PT017 - either outcome is right


OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")


def packed(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"\xef\xbb\xbf\n", "is empty|no columns"),
        ("t.csv", b"a,b,y\n", "a header but no rows"),
        ("t.csv", b"5.1,3.5,1\n4.9,3.0,0\n", "no header: its first line is 5.1, 3.5, 1. Say --no-"),
        ("t.csv", b"a,b,y\n1,2,3\n1,2,3,4\n", "Line 3 of .* has 4 fields, the header 3"),
        ("t.csv", b"\x00\x01\x02" * 99, "is no text"),
        ("t.csv", bytes(range(128, 160)) + b"\x01" * 99, "is no text"),
        ("t.csv.gz", b"no gzip", "cannot be unpacked"),
        ("t.csv.gz", packed(b"a,y\n1,2\n" * 9)[:-9], "cannot be unpacked"),
        ("t.parquet", b"PAR1 no", "cannot be read as Parquet"),
        ("t.xlsx", b"no zip", "cannot be read as Excel: .* save it anew as .xlsx"),
        ("t.xlsx", OLD_OFFICE + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        ("t.xls", OLD_OFFICE + b"x" * 99, "cannot be read as Excel: .* save it anew as .xlsx"),
        ("t.csv", b"<!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
        ("t.csv", b"SQLite format 3\0" + b"x" * 99, "Give it as sqlite:///"),
        ("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(99), "is no text"),
        ("t.zip", b"PK\x03\x04 no", "cannot be unpacked"),
        (
            "t.json",
            b'{"a": [{"y": 1}], "b": [{"y": 2}]}',
            "several tables. Say --table; it has: a, b",
        ),
        ("t.jsonl", b'{"a": 1}\n{"a": \n', "Line 2 of .* is no JSON"),
        ("t.jsonl", b"[1, 2]\n", "Line 1 of .* is no JSON object"),
        ("t.jsonl", b"\n", "is empty"),
        ("t.docx", b"x", "is of no kind that is read"),
        ("t.csv", (b"a;" * 6000 + b"y\n") * 3, "columns, more than 5,000"),
    ],
)
def test_hostile_file_ends_in_one_clear_line(
    tmp_path: Path, name: str, content: bytes, wanted: str
) -> None:
    """A file that is no table is refused in one line that says what it is, and nothing is left."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((DataError, ConfigurationError), match=wanted) as caught:
        copy_table(open_source(str(path), ReadOptions(named=("y",))), tmp_path / "x.parquet")
    assert "\n" not in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("address", "options", "wanted"),
    [
        ("{}/peple.csv", {}, r"no file 'peple.csv' \(nearest: 'people.csv'\) in "),
        ("{}/nowhere/t.csv", {}, "There is no folder .*nowhere"),
        ("{}/*.parquet", {}, "fits '\\*.parquet'"),
        ("oracle9://host/db?user=me&password=secret", {}, "No driver for oracle9://host/db:"),
        ("sqlite:///{}/t.db", {}, "several tables. Say --table; there are: others, people"),
        ("sqlite:///{}/t.db", {"table": "peple"}, "'peple' .nearest: 'people'."),
        ("oracle9://me:secret@host/db", {}, "No driver for host/db"),
        ("{}", {}, "is no Delta table. Give its files as .*\\*.csv'"),
        ("{}/hollow", {}, "holds no tables"),
    ],
)
def test_address_that_cannot_be_meant(
    tmp_path: Path, address: str, options: dict[str, str], wanted: str
) -> None:
    """An address that leads nowhere is refused with what there is, and no password is said."""
    write_database(tmp_path)
    (tmp_path / "hollow").mkdir()
    (tmp_path / "people.csv").touch()
    with pytest.raises(ConfigurationError, match=wanted) as caught:
        open_source(address.format(tmp_path), ReadOptions(**options))
    assert "secret" not in str(caught.value)


def test_several_files_follow_each_other_by_name(tmp_path: Path) -> None:
    """Files of one pattern are read in the order of their names; other columns are refused."""
    for name, value in (("b", 2), ("a", 1)):
        (tmp_path / f"{name}.csv").write_text(f"x,y\n{value},0\n", encoding="utf-8")
    assert take(tmp_path, str(tmp_path / "*.csv"), target="y") == [["1", "0"], ["2", "0"]]
    (tmp_path / "c.csv").write_text("z,y\n1,0\n", encoding="utf-8")
    with pytest.raises(DataError, match="have different columns: x, z"):
        open_source(str(tmp_path / "*.csv"), ReadOptions(named=("y",)))


def test_short_lines_are_filled_with_nothing_known(tmp_path: Path) -> None:
    """A line with too few fields keeps those it has: it is judged later, not lost."""
    (tmp_path / "t.csv").write_text("a,b,y\n1\n1,2,3\n\n", encoding="utf-8")
    assert take(tmp_path, str(tmp_path / "t.csv"), target="y") == [
        ["1", None, None],
        ["1", "2", "3"],
    ]


def test_columns_are_named_by_place_without_a_header(tmp_path: Path) -> None:
    """With --no-header the first line is data, and columns are named by their place."""
    (tmp_path / "t.csv").write_text("5.1,a\n4.9,b\n", encoding="utf-8")
    source = open_source(str(tmp_path / "t.csv"), ReadOptions(named=("column_2",), header=False))
    assert source.schema.names == ["column_1", "column_2"]
    assert len(take(tmp_path, str(tmp_path / "t.csv"), header=False)) == 2


@given(st.lists(st.text(max_size=5) | st.none(), max_size=12))
def test_names_of_columns_differ_even_in_small_letters(header: list[str | None]) -> None:
    """Whatever a header holds, every column gets a name of its own, as DuckDB tells names apart."""
    names, _ = resolve_names(header)
    assert len({name.lower() for name in names}) == len(header)
    assert all(names)


def test_repeated_names_are_told() -> None:
    """A repeated and a missing name are replaced, and both are told."""
    names, findings = resolve_names(["x", "X", None, "y"])
    assert names == ["x", "X_2", "column_3", "y"]
    assert [f.found for f in findings] == [
        "column 2 is named 'X' like another",
        "column 3 has no name",
    ]


def test_nested_columns_are_left_out_and_told(tmp_path: Path) -> None:
    """Lists and bytes have no place in a table of plain values: they are left out, and told."""
    table = pa.table(
        {"x": [1, 2], "tags": [[1], [2]], "raw": [b"a", b"b"], "at": [datetime(2024, 1, 1)] * 2}
    )
    pq.write_table(
        table.append_column("kind", pa.array(["a", "b"]).dictionary_encode()),
        tmp_path / "t.parquet",
    )
    source = open_source(str(tmp_path / "t.parquet"))
    assert source.schema.names == ["x", "at", "kind"]
    assert "tags, raw hold no plain values" in source.findings[0].found
    assert len(take(tmp_path, str(tmp_path / "t.parquet"))) == 2


def test_json_keeps_what_is_written(tmp_path: Path) -> None:
    """True, nested values and numbers come in as texts that say the same."""
    lines = [{"a": True, "b": [1], "c": 2.50}, {"d": "x", "c": None}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert take(tmp_path, str(tmp_path / "t.jsonl")) == [
        ["true", "[1]", "2.5", None],
        [None, None, None, "x"],
    ]
