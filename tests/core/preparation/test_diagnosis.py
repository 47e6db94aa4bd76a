"""Tests of the plan: what each column is, which give the label away, and why."""

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fullcircle.core.errors import DataError
from fullcircle.core.preparation.column_scores import MAX_ROWS, choose_rows
from fullcircle.core.preparation.diagnosis import diagnose_columns
from fullcircle.core.preparation.kinds import PreparationSettings, are_sentences
from fullcircle.core.preparation.reader import ColumnReader
from fullcircle.core.preparation.reader import _parse_numbers as parse_numbers

SETTINGS = PreparationSettings()
ROWS = 400
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=ROWS)
LABEL = pd.Series(RNG.integers(0, 2, ROWS), name="late")
VALUE = pd.Series(np.exp(RNG.normal(size=ROWS)), name="price")
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 300, ROWS), unit="D")


def diagnose(
    columns: Any, label: pd.Series = LABEL, task: str = "binary", **changes: Any
) -> dict[str, dict[str, Any]]:
    """Plan by column, with a column of noise so that something is always left."""
    frame = pd.DataFrame({"noise": NOISE[: len(label)], **columns})
    chosen = PreparationSettings(**changes)
    return {entry["column"]: entry for entry in diagnose_columns(frame, label, task, chosen)}


def some(*values: Any) -> list[Any]:
    return [values[n] for n in np.random.default_rng(1).integers(0, len(values), ROWS)]


KINDS: dict[str, tuple[Any, str, str]] = {
    "floats": (RNG.normal(size=ROWS), "numeric", "number"),
    "integers": (RNG.integers(0, 90, ROWS), "numeric", "number"),
    "wide integers": (RNG.integers(0, 10**9, ROWS), "numeric", "number"),
    "durations": (pd.to_timedelta(RNG.integers(0, 90, ROWS), unit="s"), "numeric", "number"),
    "duration objects": (some(timedelta(1), timedelta(3), timedelta(9)), "numeric", "number"),
    "booleans": (RNG.random(ROWS) < 0.5, "boolean", "number"),
    "nullable booleans": (pd.array(some(True, False, None), "boolean"), "boolean", "number"),
    "boolean objects": (pd.Series(some(True, False, None), dtype=object), "boolean", "number"),
    "ones and missing": (some(1.0, np.nan), "boolean", "number"),
    "number texts": (some(" 1.5", "2 ", " ", "", "NA", "7"), "numeric_text", "number"),
    "codes": (some("007", "012", "100"), "category", "text"),
    "categories": (some("Rome", "Oslo", None), "category", "text"),
    "integer categories": (pd.Categorical(some(3, 5, 9)), "category", "text"),
    "mixed objects": (pd.Series(some("a", 1, None, 2.5), dtype=object), "category", "text"),
    "lists": (pd.Series(some([1], [2], None), dtype=object), "category", "text"),
    "streets": ([f"s{n}" for n in RNG.integers(0, 90, ROWS)], "high_cardinality", "text"),
    "sentences": ([f"this is number {n}" for n in range(ROWS)], "text", "text"),
    "dates": (DAYS, "date", "moment"),
    "dates with zone": (DAYS.tz_localize("Asia/Tokyo"), "date", "moment"),
    "date objects": ([date(2024, 1, 1 + n % 28) for n in range(ROWS)], "date", "moment"),
    "ISO texts": (DAYS.strftime("%Y-%m-%dT%H:%M:%SZ"), "date_text", "moment"),
    "European texts": (DAYS.strftime("%d/%m/%Y"), "date_text", "moment"),
    "American texts": (DAYS.strftime("%m/%d/%Y"), "date_text", "moment"),
    "text keys": ([f"k{n}" for n in range(ROWS)], "identifier", "none"),
    "row numbers": (RNG.permutation(ROWS) * 2 + 10**6, "identifier", "none"),
    "customer_id": (RNG.permutation(10**6)[:ROWS], "identifier", "none"),
    "customerID": (RNG.permutation(10**6)[:ROWS], "identifier", "none"),
    "unpaid": (RNG.permutation(10**6)[:ROWS], "numeric", "number"),
    "constant": (["x"] * ROWS, "constant", "none"),
    "one moment": ([pd.Timestamp("2024-01-01")] * ROWS, "constant", "none"),
    "nulls": ([None] * ROWS, "empty", "none"),
    "infinite": ([np.inf] * ROWS, "empty", "none"),
    "blanks": ([" "] * ROWS, "empty", "none"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_column_is_recognised(name: str) -> None:
    """A column is told by its values: kind, treatment, and a reason in words."""
    values, kind, treatment = KINDS[name]
    entry = diagnose({name: values})[name]
    assert (entry["kind"], entry["treatment"]) == (kind, treatment)
    assert entry["action"] == ("drop" if treatment == "none" else "keep")
    assert entry["why"]


def test_the_plan_is_plain() -> None:
    """A plan goes through JSON unchanged, scores, missing shares and all."""
    plan = list(diagnose({name: values for name, (values, _, _) in KINDS.items()}).values())
    assert json.loads(json.dumps(plan, allow_nan=False)) == plan
    assert {entry["column"]: entry["missing"] for entry in plan}["nulls"] == 1.0


def test_dates_are_read_the_way_round_that_fits_all() -> None:
    """One day above 12 tells which way round; where no row tells, the month comes first."""
    plan = diagnose(
        {"european": DAYS.strftime("%d/%m/%Y"), "open": some("01/02/2024", "03/02/2024")}
    )
    assert plan["european"]["layout"] == "%d/%m/%Y"
    assert plan["open"]["layout"] == "%m/%d/%Y"
    assert "written as %m/%d/%Y" in plan["open"]["why"]


LEAKS: dict[str, tuple[Any, pd.Series, str]] = {
    "copy of a class": (LABEL, LABEL, "binary"),
    "turned": (1 - LABEL, LABEL, "binary"),
    "noisy copy": (LABEL + 0.1 * NOISE, LABEL, "binary"),
    "text copy": (LABEL.map({0: "no", 1: "yes"}), LABEL, "binary"),
    "known for one class": (VALUE.where(LABEL == 1), LABEL, "binary"),
    "date of one class": (pd.Series(DAYS).where(LABEL == 1), LABEL, "binary"),
    "outer values": (np.where(LABEL == 1, 5 * np.sign(NOISE), NOISE / 3), LABEL, "binary"),
    "rare class": (
        pd.Series(range(ROWS)) ** 2 % 997 - 2000 * (pd.Series(range(ROWS)) < 12),
        pd.Series((np.arange(ROWS) < 12).astype(int)),
        "binary",
    ),
    "copy of classes": (LABEL + 2 * (NOISE > 1), LABEL + 2 * (NOISE > 1), "multiclass"),
    "text of classes": (
        (LABEL + 2 * (NOISE > 1)).map(lambda c: f"class {c}"),
        LABEL + 2 * (NOISE > 1),
        "multiclass",
    ),
    "copy of a value": (3 * VALUE - 7, VALUE, "regression"),
    "copy in few rows": (VALUE[:30] * 2, VALUE[:30], "regression"),
    "gap between two values": (LABEL + 0.05 * NOISE[::-1], LABEL, "regression"),
    "logarithm": (-np.log(VALUE), VALUE, "regression"),
    "text of a value": (VALUE.map("{:.6f} ".format), VALUE, "regression"),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_planted_leak_is_kept_out(name: str) -> None:
    """A column that alone gives the label away is dropped, with its score in the reason."""
    column, label, task = LEAKS[name]
    entry = diagnose({"leak": np.asarray(column)}, label, task)["leak"]
    assert (entry["kind"], entry["action"]) == ("leak", "drop")
    assert f"score {entry['score']:.4g} above 0.99" in entry["why"]


@pytest.mark.parametrize("shift", [1.8, 2.5])
def test_an_honest_strong_column_is_kept(shift: float) -> None:
    """A column with an AUC of 0.9 or 0.96 is no leak, and its score is 2 AUC - 1."""
    strong = LABEL * shift + np.random.default_rng(5).normal(size=ROWS)
    entry = diagnose({"strong": strong})["strong"]
    assert entry["action"] == "keep"
    auc = roc_auc_score(LABEL, strong)
    assert auc > {1.8: 0.88, 2.5: 0.95}[shift]
    assert entry["score"] == pytest.approx(2 * auc - 1, abs=0.02)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_noise_is_never_a_leak(task: str) -> None:
    """Of hundreds of columns of noise none is suspected, however few the rows."""
    for rows in (8, 31, 60, 200):
        rng = np.random.default_rng(rows)
        frame = {f"n{n}": rng.normal(size=rows) for n in range(300)}
        frame |= {f"t{n}": rng.choice(list("abcdefgh"), rows) for n in range(100)}
        label = pd.Series(rng.integers(0, {"binary": 2, "multiclass": 3}.get(task, 999), rows))
        plan = diagnose(frame, label, task)
        assert not [name for name, entry in plan.items() if entry["kind"] == "leak"]


def test_too_few_rows_prove_nothing() -> None:
    """Fewer than 30 rows, or 10 of a class, are ordered right by chance: they give no score."""
    assert diagnose({"copy": VALUE[:29] * 2}, VALUE[:29], "regression")["copy"]["score"] is None
    for positives, known in ((9, False), (10, True)):
        label = pd.Series((np.arange(ROWS) < positives).astype(int))
        assert (diagnose({"copy": label * 2.0}, label)["copy"]["score"] is not None) == known


def test_a_key_of_many_values_does_not_score_in_sample() -> None:
    """A column with hardly two rows of a value tells nothing of rows held out."""
    entry = diagnose({"street": [f"s{n // 2}" for n in RNG.permutation(ROWS)]})["street"]
    assert entry["kind"] == "high_cardinality"
    assert entry["score"] < 0.2


def test_a_rare_class_among_many_rows_is_seen() -> None:
    """A leak of a class with 15 rows in 20,000 is found, though only 5,000 rows are looked at."""
    rng = np.random.default_rng(4)
    label = pd.Series((np.arange(20_000) < 15).astype(int))
    frame = pd.DataFrame({"noise": rng.normal(size=20_000), "leak": label + rng.random(20_000) / 2})
    plan = diagnose_columns(frame, label, "binary", SETTINGS)
    assert [entry["kind"] for entry in plan] == ["numeric", "leak"]


def test_leaks_may_be_reported_or_refused() -> None:
    """The settings say whether a leak is kept and reported, or stops the run in one line."""
    entry = diagnose({"leak": LABEL * 2.0}, leaks="report")["leak"]
    assert (entry["kind"], entry["action"], entry["treatment"]) == ("leak", "keep", "number")
    assert "only reported" in entry["why"]
    with pytest.raises(DataError, match=r"^Columns give the label away: 'leak' \(.*\)\. .*$"):
        diagnose({"leak": LABEL * 2.0}, leaks="refuse")


def test_allowed_columns_are_kept() -> None:
    """A column that the settings allow is kept as what it otherwise is, and still scored."""
    columns = {"leak": LABEL * 2.0, "key": [f"k{n}" for n in range(ROWS)], "nr": np.arange(ROWS)}
    plan = diagnose(columns, allowed_columns=list(columns), leaks="refuse")
    assert {name: plan[name]["kind"] for name in columns} == {
        "leak": "boolean" if plan["leak"]["kind"] == "boolean" else "numeric",
        "key": "high_cardinality",
        "nr": "numeric",
    }
    assert plan["leak"]["score"] > 0.99


def test_dates_known_only_later_are_leaks() -> None:
    """A date that mostly lies after the prediction is kept out, an earlier one is kept."""
    now = pd.Series(DAYS.tz_localize("Asia/Tokyo"))
    columns = {"before": now - pd.Timedelta(hours=1), "after": now + pd.Timedelta(hours=1)}
    columns["mostly"] = columns["after"].where(NOISE > -1, columns["before"])
    frame = pd.DataFrame(columns)
    plan = diagnose_columns(frame, LABEL, "binary", SETTINGS, event_time=now)
    assert [entry["kind"] for entry in plan] == ["date", "leak", "leak"]
    assert plan[2]["why"].startswith(f"{np.mean(NOISE > -1):.0%} of its moments lie after")


def test_repeated_columns_are_dropped() -> None:
    """Of equal or collinear columns the first is kept, and the others name it."""
    columns = {
        "twin": NOISE.copy(),
        "fahrenheit": 32 - 1.8 * NOISE,
        "near": NOISE + 0.1 * VALUE,
        "city": some("Rome", "Oslo", None),
        "town": some("Rome", "Oslo", None),
    }
    plan = diagnose(columns)
    assert {name: plan[name]["kind"] for name in columns} == {
        "twin": "duplicate",
        "fahrenheit": "collinear",
        "near": "numeric",
        "city": "category",
        "town": "duplicate",
    }
    assert plan["town"]["why"] == "equal to 'city' in all 400 rows"
    assert plan["fahrenheit"]["why"] == "correlation 1.000000 with 'noise' above 0.9999"


def test_a_column_follows_one_that_is_kept() -> None:
    """A column that follows only a dropped one stays, or else a drift of small steps would go."""
    step = 0.01 * RNG.normal(size=ROWS)
    plan = diagnose({"one": NOISE + step, "two": NOISE + 2 * step})
    assert [plan[name]["kind"] for name in ("one", "two")] == ["collinear", "numeric"]


def test_a_column_missing_elsewhere_is_not_collinear() -> None:
    """Columns that agree where both are known, but are missing in other rows, both stay."""
    plan = diagnose({"part": np.where(RNG.random(ROWS) < 0.5, NOISE, np.nan)})
    assert plan["part"]["kind"] == "numeric"


@given(seed=st.integers(0, 2**32 - 1), rows=st.sampled_from([3, 7, 80, 300]))
@settings(max_examples=25, deadline=None)
def test_the_order_of_rows_means_nothing(seed: int, rows: int) -> None:
    """Shuffled rows give the same plan to the last digit."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=rows),
            "few": rng.integers(0, 3, rows),
            "sum": np.cumsum(rng.normal(size=rows)),
            "city": rng.choice(["Rome", "Oslo", None], rows),
            "street": rng.choice([f"s{n}" for n in range(60)], rows),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, rows), "D"),
        }
    )
    label = pd.Series(frame["number"] + rng.normal(size=rows) > 0).astype(int)
    order = rng.permutation(rows)
    plans = [
        diagnose_columns(one, target, "binary", SETTINGS)
        for one, target in ((frame, label), (frame.iloc[order], label.iloc[order]))
    ]
    assert plans[0] == plans[1]


def test_the_chosen_rows_do_not_depend_on_order() -> None:
    """Of more than 5,000 rows the same are looked at in any order, equal rows in proportion."""
    rng = np.random.default_rng(2)
    values, label = rng.choice([1.0, 2.0, 2.0, 2.0], 20_000), rng.integers(0, 2, 20_000)
    order = rng.permutation(20_000)
    first = choose_rows([values], label, classes=False)
    second = choose_rows([values[order]], label[order], classes=False)
    assert len(first) == len(set(first)) == MAX_ROWS
    np.testing.assert_array_equal(values[first], values[order][second])
    np.testing.assert_array_equal(label[first], label[order][second])
    assert np.mean(values[first] == 2) == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame([[1, 2]] * 3, columns=["a", "a"]), "occur twice: 'a'"),
        (pd.DataFrame([[1, 2]] * 3, columns=["a", 5]), "must be texts, not 5"),
        (pd.DataFrame([[1, 2]] * 3, columns=["a", "b\0"]), "must be texts, not 'b"),
        (pd.DataFrame({"a": [1, 1, 1], "b": None}), "of 2: 1 constant, 1 empty"),
        (pd.DataFrame(index=range(3)), "of 0: none given"),
        (pd.DataFrame({"a": [1, 2]}), "2 rows came with 3 values of the label"),
    ],
    ids=["twice", "no text", "NUL", "nothing left", "no columns", "lengths"],
)
def test_what_cannot_be_planned_is_refused(frame: pd.DataFrame, said: str) -> None:
    """Rows that no plan can be made of stop the run in one line that says why."""
    with pytest.raises(DataError, match=said) as caught:
        diagnose_columns(frame, pd.Series([0, 1, 0]), "binary", SETTINGS)
    assert "\n" not in str(caught.value)


def test_missing_labels_and_no_rows_are_refused() -> None:
    """Labels must be known, and there must be rows."""
    with pytest.raises(DataError, match="1 train rows have no label"):
        diagnose_columns(pd.DataFrame({"a": [1, 2]}), pd.Series([1, None]), "binary", SETTINGS)
    with pytest.raises(DataError, match="no train rows"):
        diagnose_columns(pd.DataFrame({"a": []}), pd.Series([], dtype=float), "binary", SETTINGS)


def test_parts_of_a_date_take_no_name_twice() -> None:
    """A column that has the name of a date's part keeps it."""
    plan = diagnose({"when": DAYS, "when (day)": RNG.normal(size=ROWS)})
    names = list(ColumnReader(list(plan.values())).get_feature_names_out())
    assert len(set(names)) == len(names)
    assert "when (day)'" in names


def test_thousands_of_columns_take_seconds() -> None:
    """A frame of 5,000 columns is planned, its leak found and its twins dropped."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 5000)), columns=[f"c{n}" for n in range(5000)])
    label = pd.Series(rng.integers(0, 2, 300))
    frame["c77"], frame["c4000"], frame["c4999"] = (
        label + 0.05 * frame["c78"],
        frame["c1"],
        frame["c2"] * 3,
    )
    plan = diagnose_columns(frame, label, "binary", SETTINGS)
    dropped = {entry["column"]: entry["kind"] for entry in plan if entry["action"] == "drop"}
    assert dropped == {"c77": "leak", "c4000": "duplicate", "c4999": "collinear"}


def test_telco_is_read_as_its_publisher_meant(real_data: Path) -> None:
    """In the churn data the charges in text are numbers, the key goes, and nothing leaks."""
    frame = pd.read_csv(real_data / "Telco-Customer-Churn.csv")
    label = (frame.pop("Churn") == "Yes").astype(int)
    plan = {e["column"]: e for e in diagnose_columns(frame, label, "binary", SETTINGS)}
    assert {n: e["kind"] for n, e in plan.items() if e["action"] == "drop"} == {
        "customerID": "identifier"
    }
    assert plan["TotalCharges"]["kind"] == "numeric_text"
    assert plan["TotalCharges"]["missing"] == pytest.approx(11 / 7043)


def test_diabetes_keeps_every_column(real_data: Path) -> None:
    """In the diabetes data each column is a number worth keeping."""
    frame = pd.read_csv(real_data / "diabetes.csv")
    plan = diagnose_columns(frame, frame.pop("Outcome"), "binary", SETTINGS)
    assert {(entry["kind"], entry["action"]) for entry in plan} == {("numeric", "keep")}


def test_bike_sharing_says_how_near_a_part_comes(real_data: Path) -> None:
    """Registered riders, a part of the label, come near the limit and are not called a leak.

    At a limit of 0.95 they are, and the casual riders are not.
    """
    frame = pd.read_csv(real_data / "bike_sharing_hour.csv")
    label = frame.pop("cnt")
    plan = {e["column"]: e for e in diagnose_columns(frame, label, "regression", SETTINGS)}
    assert {n: e["kind"] for n, e in plan.items() if e["action"] == "drop"} == {
        "instant": "identifier"
    }
    assert plan["dteday"]["kind"] == "date_text"
    assert 0.95 < plan["registered"]["score"] < 0.99
    assert 0.6 < plan["casual"]["score"] < 0.8
    strict = PreparationSettings(max_single_column_score=0.95)
    plan = {e["column"]: e for e in diagnose_columns(frame, label, "regression", strict)}
    assert [n for n, e in plan.items() if e["kind"] == "leak"] == ["registered"]


def test_three_words_on_average_make_sentences() -> None:
    """Texts of just three words are sentences; one word less among them, and they are not."""
    assert are_sentences(["one two three", "four five six"])
    assert not are_sentences(["one two three", "four five"])
    assert not are_sentences([])


def test_of_a_mixed_column_what_is_a_number_is_read() -> None:
    """Texts, decimals, spans, truths become numbers; what is none, or beyond floats, is a gap."""
    mixed = [True, "3", Decimal("2.5"), timedelta(seconds=4), 10**400, date(2024, 1, 1), None]
    read = parse_numbers(np.array(mixed, dtype=object))
    np.testing.assert_array_equal(read, [1.0, 3.0, 2.5, 4.0, np.nan, np.nan, np.nan])
