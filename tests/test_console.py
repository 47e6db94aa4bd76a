"""What a person reads: whole at every width, plain in a file, and with the next command."""

import io
import re
from collections.abc import Iterator
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from fullcircle.cli.main import cli
from fullcircle.console import (
    Rows,
    Sections,
    as_facts,
    as_table,
    forgive_encoding,
    format_score,
    make_console,
    show,
)

ROWS = [
    {
        "table": "fullcircle.telco_churn.customer_services",
        "rows": 36_000,
        "digest": "a3f1" * 16,
        "what it is for": "what a customer has booked, as it was known when the review was made",
    },
    {"table": "fullcircle.telco_churn.billing", "rows": 7, "digest": "b", "what it is for": ""},
]


def shown(answer: RenderableType, width: int) -> str:
    """Render as a terminal of so many columns would."""
    console = Console(width=width, file=io.StringIO(), highlight=False)
    with console.capture() as capture:
        console.print(answer, crop=False)
    return capture.get()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 400])
@pytest.mark.parametrize("answer", [as_table(ROWS), as_facts(ROWS[0])])
def test_what_is_copied_stands_whole_on_a_line(width: int, answer: Any) -> None:
    """No name, number or digest is broken or cut, however narrow the terminal."""
    lines = shown(answer, width).splitlines()
    row = ROWS[0]
    for value in (row["table"], row["rows"], row["digest"]):
        assert any(str(value) in line for line in lines), (width, lines)
    assert set(str(row["what it is for"]).split()) <= {w for line in lines for w in line.split()}


def test_a_wide_terminal_shows_a_table_and_a_narrow_one_blocks() -> None:
    """A row is one line where all columns fit, and names with values below each other elsewhere."""
    assert len(shown(as_table(ROWS), 400).splitlines()) == 3
    assert shown(as_table(ROWS), 60).splitlines()[0].split()[0] == "table"
    assert len(shown(as_table(ROWS), 60).splitlines()) > 6


def test_a_table_stands_below_its_title_where_it_does_not_fit_beside() -> None:
    """A leaderboard keeps its columns on 80 columns instead of breaking names beside a title."""
    board = Rows([{"candidate": "hist_gradient_boosting_tuned", "interval": "0.81 to 0.84"}])
    beside, below = (shown(Sections([("Leaderboard", board)]), width) for width in (80, 50))
    assert beside.splitlines()[0].startswith("Leaderboard  candidate")
    assert below.splitlines()[0].strip() == "Leaderboard"
    assert "  hist_gradient_boosting_tuned" in below


@pytest.mark.parametrize(("columns", "width"), [("", 10_000), ("60", 60)])
def test_a_log_keeps_each_row_on_one_line(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    """Where no terminal says how wide it is, a row stays one line; COLUMNS is obeyed."""
    monkeypatch.setenv("COLUMNS", columns)
    assert make_console().width == width


def test_an_answer_passes_through_a_narrow_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the output knows ASCII alone, a letter that it lacks is no error."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    forgive_encoding()
    show(as_facts({"changed": "v1 \u2192 v2", "who": "Zo\u00eb"}))
    stream.flush()
    assert stream.buffer.getvalue().split() == b"changed v1 ? v2 who Zo?".split()  # type: ignore[attr-defined]


@given(st.floats(1e-3, 1e9), st.sampled_from([1, -1]))
def test_a_score_keeps_its_first_digits(value: float, sign: int) -> None:
    """A written score is within a two-thousandth of what it says, and never in powers of ten."""
    said = format_score(sign * value)
    assert "e" not in said
    assert float(said.replace(",", "")) == pytest.approx(sign * value, rel=5e-4, abs=5e-5)


@pytest.mark.parametrize(
    ("value", "like", "wanted"),
    [
        (0.83674, None, "0.8367"),
        (93.4752, None, "93.48"),
        (1204.3, None, "1,204"),
        (9.5, 93.4, "9.50"),
        (1.0, 0.99, "1.0000"),
        (float("nan"), None, "nan"),
    ],
)
def test_scores_that_stand_together_share_their_decimals(
    value: float, like: float | None, wanted: str
) -> None:
    """Four digits are told, and as many decimals as the score beside it has."""
    assert format_score(value, like) == wanted


def walk(command: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    """Give a command and all below it, with its words."""
    yield " ".join(words), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*words, name))


# Kedro's own, which say here only what to install.
BORROWED = ("ipython", "jupyter", "viz", "airflow")
COMMANDS = dict(
    found
    for name in cli.commands
    if name not in BORROWED
    for found in walk(cli.commands[name], ("kedro", name))
)


@pytest.mark.parametrize("words", COMMANDS)
def test_help_teaches(words: str) -> None:
    """Each command's help is a sentence, an example of itself, and what comes next."""
    command: Any = COMMANDS[words]
    text = command.get_help(click.Context(command, info_name=words, terminal_width=60))
    assert re.match(r"[A-Z].*[a-z`]", command.short_help)
    assert all(words in example for example in command.example)
    assert "\nExample:\n  " in text
    assert "\nNext:\n  " in text
    assert "..." not in text.partition("Commands:")[2]


@given(
    st.lists(
        st.fixed_dictionaries(
            {name: st.text("ab_ ", max_size=40) for name in ("first", "second", "third")}
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(20, 160),
)
def test_no_word_is_broken_in_any_table(rows: list[dict[str, str]], width: int) -> None:
    """Whatever the texts and the width, each word stands whole, and a table fits its width."""
    lines = shown(as_table(rows), width).splitlines()
    words = {word for row in rows for value in row.values() for word in value.split()}
    assert words <= {word for line in lines for word in line.split()}
    if lines and lines[0].split() == ["first", "second", "third"]:
        assert max(len(line.rstrip()) for line in lines) <= width
