"""Tests of a replay's windows and of what retraining is judged to be worth."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fullcircle.core.backtest import compare_policies, make_windows
from fullcircle.core.backtest.policy_value import LabelledPredictions
from fullcircle.core.backtest.summary import summarize_backtest
from fullcircle.core.errors import ConfigurationError
from fullcircle.reporting.figures.backtest import draw_replay

DAYS = st.dates(
    min_value=np.datetime64("2020-01-01").item(), max_value=np.datetime64("2030-01-01").item()
)


@given(DAYS, DAYS, st.integers(1, 40), st.sampled_from("dwm"))
def test_windows_follow_each_other_without_gap_inside_the_span(
    first: object, last: object, length: int, unit: str
) -> None:
    """Each window begins where the one before ended, none is empty, and none leaves the span."""
    try:
        windows = make_windows(str(first), str(last), f"{length}{unit}")
    except ConfigurationError:
        return
    assert f"{windows[0].start:%Y-%m-%d}" == str(first)
    assert f"{windows[-1].end:%Y-%m-%d}" <= str(last)
    assert all(window.days > 0 for window in windows)
    assert all(before.end == after.start for before, after in pairwise(windows))
    assert [window.number for window in windows] == list(range(1, len(windows) + 1))


def test_months_are_those_of_the_calendar() -> None:
    """A month from the 31st ends on the last day of a shorter one and comes back to the 31st."""
    windows = make_windows("2025-01-31", "2025-04-30", "1m")
    assert [f"{window.end:%m-%d}" for window in windows] == ["02-28", "03-31", "04-30"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("2025-03-01", "2025-02-01", "7d"), "--from 2025-03-01 must lie before --to 2025-02-01"),
        (("2025-03-01", "2025-03-01", "7d"), "must lie before"),
        (("2025-03-01", "2025-04-01", "7"), "write days, weeks or months, as 7d, 2w or 1m"),
        (("2025-03-01", "2025-04-01", "0d"), "'0d' is no length"),
        (("2025-03-01", "2025-04-01", "1y"), "'1y' is no length"),
        (("2025-03-01", "2025-03-05", "7d"), "No window of 7d fits"),
        (("spring", "2025-03-05", "7d"), "--from 'spring' is no day"),
        (("2025-03-01", "2025-03-05T12:00", "1d"), "is no day but a moment"),
    ],
)
def test_a_span_that_cannot_be_meant_is_said(asked: tuple[str, str, str], said: str) -> None:
    """What was given, and what to write instead."""
    with pytest.raises(ConfigurationError, match=said):
        make_windows(*asked)


def window(name: str, rows: int, *, skill: dict[str, float], seed: int = 0) -> LabelledPredictions:
    """Labels, and predictions that know them as well as the skill says."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(rows) < 0.4).astype(float)
    noise = rng.normal(size=rows)
    predicted = {
        name: 1 / (1 + np.exp(-(know * (2 * truth - 1) + noise))) for name, know in skill.items()
    }
    return LabelledPredictions(name, truth, predicted)


SAME = {"rules": 1.0, "never": 1.0, "always": 1.0}
BETTER = {"rules": 1.5, "never": 0.5, "always": 1.5}


def judge(*windows: LabelledPredictions) -> dict[str, object]:
    return compare_policies(windows, "roc_auc", resamples=200, confidence=0.95, seed=1)


def test_equal_predictions_gain_exactly_nothing() -> None:
    """Policies that used the same model differ by zero, with an interval of zero."""
    found = judge(window("a", 200, skill=SAME), window("b", 300, skill=SAME, seed=1))
    for gain in found["gains"].values():  # type: ignore[attr-defined]
        assert (gain["value"], gain["low"], gain["high"]) == (0, 0, 0)


def test_a_better_policy_is_surely_better() -> None:
    """A real gain is found, and the policies that agree gain nothing over each other."""
    found = judge(window("a", 400, skill=BETTER), window("b", 400, skill=BETTER, seed=1))
    gains = found["gains"]
    assert gains["rules over never"]["low"] > 0.05  # type: ignore[index]
    assert gains["rules over always"]["high"] == 0  # type: ignore[index]


def test_windows_weigh_as_their_rows_and_undefined_ones_nothing() -> None:
    """The whole is the mean weighted by rows; a window of one class or no row is left out."""
    one_class = LabelledPredictions("c", np.ones(5), {name: np.arange(5.0) for name in SAME})
    nothing = LabelledPredictions("d", np.empty(0), {name: np.empty(0) for name in SAME})
    parts = window("a", 100, skill=SAME), window("b", 300, skill=SAME, seed=1)
    found = judge(*parts, one_class, nothing)
    values = [each["scores"] and each["scores"]["rules"]["value"] for each in found["windows"]]  # type: ignore[attr-defined]
    assert values[2:] == [None, None]
    expected = (100 * values[0] + 300 * values[1]) / 400
    assert found["scores"]["rules"]["value"] == pytest.approx(expected)  # type: ignore[index]
    assert (found["rows"], found["windows_judged"]) == (400, 2)


def test_without_any_truth_nothing_is_claimed() -> None:
    """Where no label came, there is no score, and the story says so."""
    found = judge(LabelledPredictions("a", np.empty(0), {name: np.empty(0) for name in SAME}))
    assert found["scores"] is None
    report = {
        **found,
        "from": "a",
        "to": "b",
        "recipe": "ridge",
        "trainings": {},
        "windows": [LINE],
    }
    assert "No window has enough labels" in " ".join(summarize_backtest(report))


LINE = {
    "window": "2025-01-01",
    "end": "2025-02-01",
    "rows": 10,
    "notices": [],
    "retrained": None,
    "drifted": [],
    "scores": None,
    "gains": None,
}


def test_an_unlabelled_replay_is_drawn_too() -> None:
    """Figures of windows without a score are empty, and do not fail."""
    report = {
        "metric": "rmse",
        "windows": [LINE],
        "trainings": {name: {"models": 1} for name in SAME},
    }
    assert len(draw_replay(report)) == 2
