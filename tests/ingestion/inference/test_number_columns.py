"""Numbers as people write them: what the look decides, the written problem reads in an engine."""

from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.parsing.numbers import NumberFormat
from fullcircle.core.validation.row_validation import SOURCE_ROW
from fullcircle.engines.engine import connect
from fullcircle.ingestion.inference import ProblemOptions, Proposal, propose_problem
from fullcircle.ingestion.project_files import write_problem

VALUES = [1234.5, -12.25, 0.5, 98765.0, -1000000.75, 7.0] * 10
INDIAN = ["1,234.5", "-12.25", "0.5", "98,765", "-10,00,000.75", "7"] * 10


def read(texts: list[str], how: str = "", **columns: Any) -> tuple[Proposal, list[float | None]]:
    """Propose a problem; give what the cleaning that is written for it reads in DuckDB."""
    rng = np.random.default_rng(0)
    rows = len(texts)
    frame = pd.DataFrame({"y": rng.choice(["a", "b"], rows), "x": texts, "z": rng.choice(5, rows)})
    raw = ibis.memtable(
        frame.assign(**columns).astype("str").assign(**{SOURCE_ROW: range(1, rows + 1)})
    )
    said = {"name": "shop", "target": "y", "today": date(2026, 1, 1), "no_key": True}
    said |= {"read": {"x": how}} if how else {}
    proposal = propose_problem(raw, ProblemOptions.model_validate(said))
    files = {path.name: text for path, text in write_problem(proposal, "t.csv").items()}
    space: dict[str, Any] = {}
    exec(files["cleaning.py"], space)  # noqa: S102 - what the library has written
    if "x" not in proposal.reading.numbers:
        return proposal, []
    cleaned = connect().execute(space["clean"](raw).order_by(SOURCE_ROW))
    return proposal, [None if pd.isna(each) else float(each) for each in cleaned["x"]]


@pytest.mark.parametrize(
    "write",
    [
        lambda value: f"{value:,.2f}",
        lambda value: f"({-value:,.2f})" if value < 0 else f"{value:,.2f}",
        lambda value: f"{abs(value):.2f}{'-' if value < 0 else ''}",
        lambda value: f"{value:.2f}".replace("-", "\u2212"),
        lambda value: f"{value:,.2f}".replace(",", "\u202f").replace(".", ",") + " \u20ac",
        lambda value: f"$ {value:,.2f}" if value > 0 else f"-${-value:,.2f}",
        lambda value: f"{value:.9E}",
        lambda value: f"{value:.9E}".replace(".", ","),
        lambda value: f"{value:,.2f}".replace(",", "'"),
        lambda value: f"{value:.2f} " + ("km" if value > 0 else "KM"),
        lambda value: f"{value:.2f}%",
    ],
)
def test_numbers_of_every_kind_are_read_by_the_written_problem(write: Any) -> None:
    """Whatever signs a column has, the cleaning that is written gives the values again."""
    _, values = read([write(value) for value in VALUES])
    assert values == VALUES


def test_indian_groups_are_thousands() -> None:
    """Groups of two digits before the last three are groups."""
    assert read(INDIAN)[1] == VALUES


@pytest.mark.parametrize("word", ["inf", "-Infinity", "\u221e", "INF"])
def test_infinities_are_missing_and_said(word: str) -> None:
    """An infinity is missing, costs no row, makes no category, and is a warning."""
    texts = [word if n % 6 == 0 else f"{value}" for n, value in enumerate(VALUES)]
    proposal, values = read(texts)
    assert values == [None if n % 6 == 0 else value for n, value in enumerate(VALUES)]
    assert any(each.what == "infinity" for each in proposal.findings)


@pytest.mark.parametrize("mark", ["XX", "pending", "no reading", "nicht erfasst", "\u2014"])
def test_the_only_text_among_numbers_is_missing_and_said(mark: str) -> None:
    """A mark that is the only non-number of a column is missing, whatever it is."""
    texts = [mark if n % 6 == 0 else f"{value}" for n, value in enumerate(VALUES)]
    proposal, values = read(texts)
    assert values == [None if n % 6 == 0 else value for n, value in enumerate(VALUES)]
    assert any(each.what == "missing" and repr(mark) in each.found for each in proposal.findings)


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ([str(2**53 + 2 * n) for n in range(60)], "more than 15 digits"),
        (["4.50000E+15", "4.51000E+15"] * 30, "rounded by a spreadsheet"),
        ([f"{n:05d}" for n in range(60)], ""),
    ],
)
def test_identifiers_stay_texts(texts: list[str], told: str) -> None:
    """Long whole numbers, rounded ones and leading zeros are no numbers, and are said."""
    proposal, values = read(texts)
    assert values == []
    assert any(told in each.found for each in proposal.findings)


MIXED = (
    ("kg", ["1.2 kg", "350 g", "2.5kg"], [1.2, 0.35, 2.5]),
    ("in", ["5 ft 3 in", "6 ft", "70 in"], [63.0, 72.0, 70.0]),
    ("in", ["5'11\"", "6'", "5'3\""], [71.0, 72.0, 63.0]),
    ("min", ["1h 30min", "90 min", "2 d"], [90.0, 90.0, 2880.0]),
)


@pytest.mark.parametrize(("unit", "texts", "wanted"), MIXED)
def test_mixed_units_are_asked_about_and_converted_where_declared(
    unit: str, texts: list[str], wanted: list[float]
) -> None:
    """A column of several units of one measure is a question; said, all are in one unit."""
    proposal, values = read(texts * 20)
    [question] = proposal.questions
    assert (question.about, question.strength, values) == ("units", "weak", [])
    proposal, values = read(texts * 20, unit)
    assert not proposal.questions
    assert values == pytest.approx(wanted * 20)
    assert not read(texts * 20, "text")[0].questions


def test_a_unit_that_does_not_fit_is_one_line() -> None:
    """Litres of a column of lengths are refused."""
    with pytest.raises(ConfigurationError, match="in a unit does not fit"):
        read(["5 ft 3 in", "6 ft"] * 30, "ml")


@pytest.mark.parametrize(
    ("texts", "asked"),
    [
        (["1.240", "3.500", "2.100"], True),  # people write zeros at the end, programs do not
        (["1.24", "3.5", "2.1"], False),
        (["0.240", "3.500", "2.100"], False),
        (["1.241", "3.511", "2.117"], False),
    ],
)
def test_a_point_before_three_digits_alone_is_asked_about(texts: list[str], asked: bool) -> None:
    """1.240 alone may be 1240, where nothing in the table says otherwise."""
    proposal, _ = read(texts * 20)
    assert bool(proposal.questions) == asked


@pytest.mark.parametrize(("unit", "texts", "wanted"), MIXED)
def test_engine_and_look_measure_alike(unit: str, texts: list[str], wanted: list[float]) -> None:
    """The Python reader gives what the engine gives, none for a text without a unit."""
    from fullcircle.core.parsing.units import list_scales

    form = NumberFormat(scales=list_scales(unit))
    assert [form.read(text) for text in texts] == pytest.approx(wanted)
    assert form.read("5") is None
    assert form.read(f"x {unit}") is None
