"""Tests of the model card."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from fullcircle.core.card import write_card
from fullcircle.core.contract import FeatureLookup, ProblemSpec
from fullcircle.core.model import Model, Registration

LOOKUP = FeatureLookup(table="bills", keys=["buyer"], columns={"sum": "billed"})


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(
        estimator=None,
        candidate="xgboost",
        task="binary",
        features=["price", "colour", "billed"],
        lookups=[LOOKUP],
        threshold=0.5,
        settings={"seed": 42, "max_depth": 3},
        scores={"roc_auc": {"value": 0.81234, "low": 0.79, "high": 0.83}, "brier": 0.125},
        trained_on={"rows": 1200, "first": "2024-01-01"},
        profile={},
        example=pd.DataFrame(),
        registration=Registration("full.shop.model", "3", "run"),
    )


def decision(*, promote: bool, challenger: str) -> dict[str, Any]:
    checks = [
        {"name": "enough_rows", "passed": True, "evidence": "400 gate rows"},
        {"name": "better_than_champion", "passed": promote, "evidence": "better by 0.01"},
    ]
    return {"promote": promote, "challenger": challenger, "checks": checks}


@pytest.fixture
def card(model: Model, make_problem: Callable[..., ProblemSpec]) -> str:
    problem = make_problem(feature_lookups=[LOOKUP])
    verdict = decision(promote=True, challenger="full.shop.model v3")
    return write_card(model, verdict, problem, "2024-06-01")


@pytest.mark.parametrize(
    "line",
    [
        "# full.shop.model v3",
        "| Problem | shop |",
        "| Candidate | xgboost |",
        "| As of | 2024-06-01 |",
        "| Label | returned |",
        "| rows | 1200 |",
        "| roc_auc | 0.8123 | 0.7900 to 0.8300 |",
        "| brier | 0.1250 | |",
        "| price | request |",
        "| colour | request |",
        "| billed | feature table bills |",
        "| seed | 42 |",
        "| max_depth | 3 |",
        "- passed · enough_rows: 400 gate rows",
        "The gate promoted it in this run.",
    ],
)
def test_the_card_tells_each_fact(card: str, line: str) -> None:
    """The card has a line for every fact: origin, scores, features, settings, the gate's checks."""
    assert line in card.splitlines()


def test_a_kept_champion_says_whom_the_gate_refused(
    model: Model, make_problem: Callable[..., ProblemSpec]
) -> None:
    """Where the challenger was refused, the champion's card names it and the failed check."""
    verdict = decision(promote=False, challenger="full.shop.model v4")
    lines = write_card(model, verdict, make_problem(), "2024-06-01").splitlines()
    assert "The gate kept it and refused full.shop.model v4 in this run." in lines
    assert "- failed · better_than_champion: better by 0.01" in lines


def test_every_table_is_rectangular(card: str) -> None:
    """In every table of the card all rows have as many cells as the head."""
    for block in card.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.strip().splitlines()}) == 1
