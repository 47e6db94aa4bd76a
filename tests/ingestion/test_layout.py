"""Where the table stands in a text: what comes before it, its header, and what ends a line."""

from pathlib import Path
from typing import Any

import pytest

from fullcircle.core.errors import ConfigurationError
from fullcircle.ingestion import ReadOptions, Source, open_source
from fullcircle.ingestion.decisions import Decider
from fullcircle.ingestion.inference import Issue

BODY = "".join(f"{n},{n + 0.5},{'abc'[n % 3]}\n" for n in range(20))


def open_text(tmp_path: Path, text: str | bytes, **options: Any) -> Source:
    """Open a text as a file."""
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return open_source(str(path), ReadOptions(**options))


def rows_of(source: Source) -> list[list[str | None]]:
    """Return the rows of a source."""
    return [list(row.values()) for batch in source.batches() for row in batch.to_pylist()]


def told(findings: list[Issue], what: str) -> str:
    """Return what is told of one matter."""
    return "; ".join(f.found for f in findings if f.what == what)


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("who,size,,y\n,in,out,\n", ["who", "size in", "size out", "y"]),
        ("id,staff,,staff,\n,AO,,EO,\n,N,full,N,full\n",
         ["id", "staff AO N", "staff AO full", "staff EO N", "staff EO full"]),
    ],
)  # fmt: skip
def test_headers_of_several_rows_are_joined(tmp_path: Path, head: str, names: list[str]) -> None:
    """A group stands for the columns to its right, through as many rows as the header has."""
    width = len(names)
    body = "".join(",".join(["r", *[str(n + k) for k in range(1, width)]]) + "\n" for n in range(9))
    source = open_text(tmp_path, head + body)
    assert list(source.stated) == names
    assert len(rows_of(source)) == 9


def test_title_within_blank_lines_is_no_header(tmp_path: Path) -> None:
    """A title in one cell among lines of separators is passed over, however many there are."""
    blank = ",,\n"
    text = blank * 3 + ",Spend 2017,\n" + "id,size,kind\n" + BODY + blank * 90
    source = open_text(tmp_path, text)
    assert source.schema.names == ["id", "size", "kind"]
    assert len(rows_of(source)) == 20


def test_quoted_line_break_at_the_end_is_no_name_of_a_row(tmp_path: Path) -> None:
    """A last field that holds a line break only leaves every other value under its own name."""
    text = "id;size\n" + "".join(f'{n};{n}.5;"\n"\n' for n in range(9))
    source = open_text(tmp_path, text)
    assert source.schema.names == ["id", "size", "column_3"]
    assert rows_of(source)[1] == ["1", "1.5", "\n"]


def test_first_rows_that_lack_values_are_rows(tmp_path: Path) -> None:
    """Without a header the rows begin with the first one, however little it holds."""
    rows = rows_of(open_text(tmp_path, '"","","no"\n"","","yes"\n' + BODY, header=False))
    assert len(rows) == 22
    assert rows[0] == ["", "", "no"]


EQUAL = "a;b|c\n" + "red;blue|green\n" * 9


def test_separator_that_may_be_another_is_asked_about(tmp_path: Path) -> None:
    """Two separators that cut alike are a question with both previews; an option answers it."""
    [question] = open_text(tmp_path, EQUAL).questions
    assert question.strength == "weak"
    assert {choice.option for choice in question.choices} == {
        ("--separator", ";"), ("--separator", "|"),
    }  # fmt: skip
    assert "2 columns: a | b|c" in question.describe()
    with pytest.raises(ConfigurationError, match="Say which: --separator"):
        Decider().open(str(tmp_path / "t.csv"), ReadOptions())
    assert open_text(tmp_path, EQUAL, separator="|").questions == ()
    assert not open_text(tmp_path, "id,size,kind\n" + BODY).questions


def test_answer_on_the_separator_is_what_is_read(tmp_path: Path) -> None:
    """A person who chooses the second separator gets the table that it cuts."""
    source = open_text(tmp_path, EQUAL)
    [question] = source.questions
    decider = Decider(lambda asked: asked.choices[1])
    chosen = decider.open(str(tmp_path / "t.csv"), ReadOptions())
    assert chosen.schema.names != source.schema.names
    assert decider.options.separator == question.choices[1].settings["separator"]


def test_letters_saved_as_controls_are_letters(tmp_path: Path) -> None:
    """Windows-1252 that was taken for Latin-1 and saved as UTF-8 comes back as it was, and told."""
    text = ("id,note,kind\n" + BODY.replace("a", "\x93so\x94")).encode()
    source = open_text(tmp_path, text)
    assert {row[2] for row in rows_of(source)} == {"\u201cso\u201d", "b", "c"}
    assert "14 control characters" in told(source.findings, "encoding")


def test_second_table_is_told(tmp_path: Path) -> None:
    """A later line that names columns anew is told with its number: the file holds two tables."""
    text = "who,when,size\n" + BODY + "who,when,gift\n" + BODY
    assert "line 22 names other columns" in told(open_text(tmp_path, text).findings, "layout")
    once = "who,when,size\n" + BODY
    assert "names other columns" not in told(open_text(tmp_path, once).findings, "layout")
