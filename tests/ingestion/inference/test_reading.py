"""How a column is read: by its own texts, by its table, or by what the user says."""

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

ROWS = 60
SIZES = [f"{n % 9 + 1},{n * 37 % 900 + 100}" for n in range(ROWS)]
DAYS = [f"0{n * 5 % 9 + 1}/0{n * 7 % 8 + 1}/2021" for n in range(ROWS)]  # the first: 01/01


def propose(read: dict[str, str] | None = None, **columns: Any) -> Proposal:
    """Look at a table whose target is noise, so that no column gives it away."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"y": rng.choice(["a", "b"], ROWS), **columns}).astype("str")
    raw = ibis.memtable(frame.assign(**{SOURCE_ROW: range(1, ROWS + 1)}))
    said = {"name": "shop", "target": "y", "today": date(2026, 1, 1), "read": read or {}}
    return propose_problem(raw, ProblemOptions.model_validate(said))


def test_what_can_be_read_in_two_ways_is_asked() -> None:
    """1,240 alone is a question with both readings, and each answer is what is then read."""
    [question] = propose(Size=SIZES).questions
    assert "'Size=decimal-point'" in question.describe()
    assert "'Size=decimal-comma'" in question.describe()
    for how, value in (("decimal-point", 1100.0), ("decimal-comma", 1.1)):
        proposal = propose({"Size": how}, Size=SIZES)
        assert not proposal.questions
        assert proposal.reading.format_of("Size").read("1,100") == value


def test_other_columns_answer_what_one_leaves_open() -> None:
    """A point before decimals elsewhere in the table makes the comma a sign of thousands."""
    proposal = propose(Size=SIZES, Weight=[f"{n}.5" for n in range(ROWS)])
    assert not proposal.questions
    assert proposal.reading.format_of("Size").read("1,240") == 1240


def test_days_and_months_that_nothing_decides_are_asked() -> None:
    """Dates with no day above 12, in no order, are a question; the answer is kept."""
    [question] = propose(Day=DAYS, Size=[n % 7 for n in range(ROWS)]).questions
    said = [each.settings["read"] for each in question.choices]
    assert said == [{"Day": "%m/%d/%Y"}, {"Day": "%d/%m/%Y"}]
    assert len({each.preview for each in question.choices}) == 2
    proposal = propose({"Day": "%d/%m/%Y"}, Day=DAYS, Size=[n % 7 for n in range(ROWS)])
    assert not proposal.questions
    assert proposal.reading.moments == {"day": ("Day", "%d/%m/%Y")}


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        ({"Sise": "text"}, "'Sise' (nearest: 'Size')"),
        ({"Size": "fast"}, "is not valid. Say text"),
        ({"Size": "%d.%m.%Y"}, "does not fit"),
    ],
)
def test_a_reading_that_cannot_be_is_one_line(read: dict[str, str], wanted: str) -> None:
    """A reading of no column, of no kind, or that does not fit is refused in one line."""
    with pytest.raises(ConfigurationError) as caught:
        propose(read, Size=SIZES)
    assert wanted in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        (NumberFormat(",", "."), ["1.240,50", "-3,5", "1240", "1.24", "1,2,3", "inf"]),
        (
            NumberFormat(".", ",", ("$",)),
            ["$1,234.50", "($1,152.26)", "-$5", "5 $", "12,34,567", "$"],
        ),
        (NumberFormat(",", " "), ["1 240,5", "1\u202f240", "12 40", "1\u00a0240 300"]),
        (NumberFormat(".", "'"), ["1'240.5", "1\u2019240", "1'2"]),
        (NumberFormat(loose=True), ["\u22125.5", "5-", "(5)", "(5", "1e3", "e3"]),
    ],
)
def test_engine_and_first_look_read_the_same_numbers(form: NumberFormat, texts: list[str]) -> None:
    """Each text of a format is the same number, or none, in the engine and in the first look."""
    table = ibis.memtable(pd.DataFrame({"n": range(len(texts)), "x": texts}))
    read = connect().execute(table.select("n", y=form.expression(table.x)).order_by("n"))["y"]
    wanted = [form.read(text) for text in texts]
    assert [None if pd.isna(value) else value for value in read] == wanted
    assert any(value is not None for value in wanted)
