"""Tests of what a model's card says."""

import json
from dataclasses import replace
from typing import Any

import pytest
from tests.core.card_cases import (
    CALIBRATION,
    MODEL,
    PROBLEM,
    REPORT,
    decision,
    estimate,
    model_with,
    slice_of,
)

from fullcircle.core.contract import FeatureLookup
from fullcircle.core.models.model import Model, Registration
from fullcircle.reporting.model_card import describe_model, write_card, write_card_page
from fullcircle.reporting.model_card.limits import describe_limits
from fullcircle.reporting.model_card.parts import Bullets, Range, Table, draw
from fullcircle.reporting.model_card.verdict import Verdict

CARD = write_card(MODEL, decision(promote=True, incumbent="full.shop.model v2"))


@pytest.mark.parametrize(
    "line",
    [
        "# full.shop.model v3",
        "shop · xgboost_tuned · as of 2024-06-01",
        "- **The gate**: promoted (2 of 2 checks passed)",
        "- **roc_auc**: 0.7957 (0.7757 to 0.8157, gate rows)",
        "- **Slices**: none significantly worse (2 of 2 could be judged)",
        "- **Probabilities**: mean what they say (error 0.0215, 0.0312 by chance)",
        "| What it predicts | Whether an order comes back. |",
        "| What it is for | To choose parcels to check. |",
        "| Owner | logistics |",
        "| Label | returned |",
        "| One row | identified by order_id, about one buyer and shop, at ordered_at |",
        "| Decision | yes from a probability of 0.4 on |",
        "The gate promoted it over full.shop.model v2: every check was passed.",
        "| passed | enough_rows | 400 gate rows |",
        "| roc_auc | 0.8123 | 0.7923 to 0.8323 at 95.0 % | more | 0.9300 |",
        "| brier | 0.1250 | not estimated | less | 0.1000 |",
        "**Decisions on the selection rows at the threshold 0.4**",
        "| class 1 | 30 | 70 |",
        "| roc_auc, gate rows | 0.7957 | 0.7757 to 0.8157 |",
        "Better than full.shop.model v2 on the same gate rows by 0.0123 (0.0083 to 0.0163).",
        "| colour: blue | 25.0 % | 30.0 % | 70.0 % | 12.5 % |",
        "| colour | 3.4 points | 1.2 points |",
        "Nothing speaks against the probabilities at 95.0 % confidence (p-value 0.5).",
        "| Slope (1 is right) | 1.0100 (0.9900 to 1.0300) |",
        "| Intercept (0 is right) | -0.0300 (-0.0500 to -0.0100) |",
        "| Corrected by | sigmoid (sigmoid gains 0.0100 (0.0050 to 0.0150) of log loss; isotonic: "
        "900 out-of-fold rows are fewer than 1000) |",
        "| 200 | 11.0 % | 10.0 % | 5.0 % to 15.0 % | yes |",
        "| Rows that taught it | 1,200 |",
        "| First moment | 2024-01-01 |",
        "| Last moment | 2024-05-11 |",
        "| Split | by time, the oldest rows train: train 60 %, selection 20 %, gate 20 % |",
        "| Share of class 1 | 26.5 % |",
        "| billed | feature table bills | 5.0 % | 0.0500 (0.0300 to 0.0700) |",
        "| colour | request | 2.0 % | left out: one value in all rows |",
        "| bills | buyer | 28 days | billed |",
        "| Run | run_7 |",
        "| Git commit | abc123 |",
        "| train_set | delta v4 |",
        "    git checkout abc123",
        "    PROBLEM=shop kedro model reproduce 3",
        "| seed | 42 |",
        "| recipe.parameters.max_depth | 3 |",
        "| calibration | sigmoid |",
    ],
)
def test_the_card_tells_each_fact(line: str) -> None:
    """The card has a line for every fact: purpose, decision, scores, data, features, origin."""
    assert line in CARD.splitlines()


def test_whole_declarations_and_search_scores_are_not_printed() -> None:
    """The contract and the training that the settings carry are told in words, not dumped."""
    for told in ("secret_family", "training.", "problem.", "fold_scores", "0.8125", "entity_keys"):
        assert told not in CARD


@pytest.mark.parametrize(
    ("given", "line", "glimpse"),
    [
        (decision(promote=True), "The gate promoted it: every check was passed.", "promoted"),
        (
            decision(promote=False, incumbent="full.shop.model v2"),
            "The gate refused it: better_than_baseline failed.",
            "refused",
        ),
        (
            decision(promote=False, challenger="m v4", incumbent="full.shop.model v3"),
            "The gate kept it and refused m v4.",
            "kept as champion",
        ),
        (
            decision(promote=True, challenger="m v4", incumbent="full.shop.model v3"),
            "The gate promoted m v4 in its place.",
            "replaced",
        ),
        (
            decision(promote=True, challenger="m v4", incumbent="m v2"),
            "No decision of the gate on this model is at hand.",
            "no decision at hand",
        ),
        (None, "No decision of the gate on this model is at hand.", "no decision at hand"),
    ],
)
def test_a_decision_is_seen_with_the_models_eyes(
    given: dict[str, Any] | None, line: str, glimpse: str
) -> None:
    """The same decision promotes, refuses, keeps or replaces a model, or is about others."""
    lines = write_card(MODEL, given).splitlines()
    assert line in lines
    assert any(found.startswith(f"- **The gate**: {glimpse}") for found in lines)


@pytest.mark.parametrize("promote", [True, False])
@pytest.mark.parametrize("incumbent", ["full.shop.model v3", "m v2"])
def test_a_challengers_score_is_never_shown_as_anothers(promote: bool, incumbent: str) -> None:
    """A decision on another challenger gives neither its gate score nor its gain to this model."""
    other = decision(promote=promote, challenger="m v4", incumbent=incumbent)
    card = write_card(MODEL, other)
    assert "0.7957" not in card
    assert "0.0123" not in card
    assert "- **roc_auc**: 0.8123 (0.7923 to 0.8323, selection rows)" in card


def test_failed_checks_come_first() -> None:
    """Of all that was asked, the failed checks stand above the passed ones."""
    card = write_card(MODEL, decision(promote=False))
    assert card.index("| failed | better_than_baseline") < card.index("| passed | enough_rows")


def test_slices_come_the_worst_first_and_the_unjudged_last() -> None:
    """Slices are ordered by how far they are behind the rest, whatever their order was."""
    slices = [slice_of("few", None), slice_of("good", 0.2), slice_of("bad", -0.3)]
    rows = [
        line
        for line in write_card(model_with({"slices": slices})).splitlines()
        if line.startswith("| colour: ") and "120" in line
    ]
    assert [row.split(" | ")[0] for row in rows] == [
        "| colour: bad",
        "| colour: good",
        "| colour: few",
    ]
    assert "| significantly worse |" in rows[0]
    assert "| not significantly worse |" in rows[1]
    assert "not judged: 9 rows are fewer than 50" in rows[2]


def limits(model: Model, facts: dict[str, str] | None = None, **of_decision: Any) -> list[str]:
    verdict = Verdict("refused", decision(**of_decision)) if of_decision else Verdict("unknown")
    [block] = describe_limits(model, verdict, facts or {}).blocks
    assert isinstance(block, Bullets)
    return [item.text for item in block.items]


USUAL = [
    "The newest row that taught it was 21 days old on 2024-06-01.",
    "Its roc_auc is known to within about 0.0200, and no better.",
]


def test_a_model_without_faults_has_the_usual_limits_alone() -> None:
    """Without a fault only the age of the rows and the width of the interval are named."""
    assert limits(MODEL) == USUAL


PROFILE = {"columns": {"price": {"counts": [3, 3, 4]}, "colour": {"counts": [8, 0]}}}
TOO_LOW = {**CALIBRATION, "calibrated": False, "p_value": 0.0012}
UNJUDGED = {**CALIBRATION, "judged": False, "calibrated": None, "reason": "9 rows", "bins": []}
RISING = [{"rows": 600, **estimate(0.75)}, {"rows": 1200, **estimate(0.812)}]
WIDE_GAP = [{**REPORT["gaps"][0], "equal_opportunity_difference": 0.25}]
ENDLESS = FeatureLookup(table="bills", keys=["buyer"], columns=["billed"])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            model_with({"slices": [slice_of("red", -0.1)]}),
            "Performance is significantly worse for colour = red than for the other rows: "
            "its roc_auc is worse there by "
            "0.1000 (0.0900 to 0.1100).",
        ),
        (
            model_with({"gaps": WIDE_GAP}),
            "Between slices of colour the share of class 1 that it finds differs by 25.0 points.",
        ),
        (
            model_with({"calibration": TOO_LOW}),
            "The probabilities do not mean what they say, at 95.0 % confidence (p-value 0.0012).",
        ),
        (
            model_with({"calibration": UNJUDGED}),
            "The probabilities could not be judged: 9 rows.",
        ),
        (
            model_with({"slices": [slice_of("few", None), slice_of("rare", None)]}),
            "How it serves 2 slices could not be judged: colour: few (9 rows are fewer than 50), "
            "colour: rare (9 rows are fewer than 50).",
        ),
        (
            model_with({"slices": [slice_of("few", None)]}),
            "How it serves 1 slice could not be judged: colour: few (9 rows are fewer than 50).",
        ),
        (
            model_with({"slices": []}),
            "No slices are declared: nobody looked whether it serves some worse than others.",
        ),
        (
            model_with({"learning_curve": RISING}),
            "It was still learning: from 600 to 1,200 rows its roc_auc went from 0.7500 to 0.8120.",
        ),
        (
            model_with(lookups=[ENDLESS, ENDLESS]),
            "Features of bills are used however old they are.",
        ),
        (
            model_with(profile=PROFILE),
            "Often missing among the rows that taught it: price (40.0 %).",
        ),
    ],
)
def test_each_fault_is_a_limit(model: Model, said: str) -> None:
    """A fault that the facts show is named, and adds nothing else to the usual limits."""
    assert sorted(limits(model)) == sorted([*USUAL, said])


def test_limits_that_stand_for_a_usual_one() -> None:
    """Without history, without an interval and without an assessment the card says just that."""
    snapshot = limits(model_with(event_time=None, lookups=[ENDLESS]))
    assert snapshot[0].startswith("It learned from a snapshot without history")
    assert len(snapshot) == 2
    assert "The uncertainty of roc_auc is unknown." in limits(model_with(scores={"roc_auc": 0.8}))
    assert limits(replace(MODEL, report=None))[0].startswith("Nobody assessed it by slice")
    ageless = limits(model_with(trained_on={"as_of": "2024-06-01"}))
    assert "How old the newest row was that taught it is unknown." in ageless


def test_simulated_rows_and_failed_checks_are_grave_limits() -> None:
    """What was learned from a simulation, and what the gate refused, stands before the rest."""
    said = limits(MODEL, {"data_source": "simulated"}, promote=False)
    assert said[:2] == [
        "It failed the check better_than_baseline: better by 0.01.",
        "It learned from simulated rows and was tested on such: it says nothing of the world.",
    ]
    assert limits(MODEL, {"data_source": "real"}) == USUAL


def old_model() -> Model:
    """Give a model as an old version describes it, without report and without contract."""
    told = json.loads(json.dumps(MODEL.describe()))
    for name in ("report", "expected", "event_time"):
        del told[name]
    told |= {"settings": {"seed": 42}, "trained_on": {"rows": 80}, "scores": {"roc_auc": 0.8}}
    return Model.from_description(told, None, MODEL.example)


def test_an_old_model_has_a_card_that_says_what_is_unknown() -> None:
    """Of a version without report or contract the card says unknown, and invents nothing."""
    card = write_card(old_model())
    for line in (
        "| Problem | unknown |",
        "| Owner | not stated |",
        "| One row | unknown |",
        "| As of | unknown |",
        "| Split | unknown |",
        "| Version | not registered |",
        "| Git commit | unknown |",
        "- **Slices**: unknown",
        "- **Probabilities**: unknown",
        "3 features; which of them the preparation leaves out is unknown.",
        "The versions of the data it was made from: unknown.",
        "It is not registered, so no command makes it again.",
    ):
        assert line in card.splitlines()


HOLES = {
    "calibration": {**CALIBRATION, "slope": None, "intercept": None, "error_by_chance": None},
    "gaps": [
        {
            "column": "colour",
            "demographic_parity_difference": None,
            "equal_opportunity_difference": None,
        }
    ],
    "slices": [slice_of("red", 0.0, true_positive_rate=None), slice_of("few", None)],
    "importance": [{"column": "price", "value": 0.1, "low": -float("inf"), "high": float("inf")}],
}


@pytest.mark.parametrize(
    "model",
    [
        old_model(),
        model_with(HOLES, scores={"roc_auc": estimate(float("nan"))}),
        model_with(task="regression", threshold=None, scores={"rmse": estimate(2.5)}),
        model_with(task="multiclass", threshold=None, trained_on={"baseline": [0.5, 0.25, 0.25]}),
        model_with(event_time=None, features=[f"f{n}" for n in range(500)], lookups=[]),
    ],
)
def test_no_card_prints_a_hole(model: Model) -> None:
    """Whatever is missing or undefined is worded; None, NaN and infinity are never printed."""
    for text in (write_card(model), write_card_page(model)):
        words = text.replace("|", " ").replace("(", " ").replace(")", " ").split()
        assert not {"None", "nan", "inf", "-inf"} & set(words)


def test_features_left_out_by_selection_are_named() -> None:
    """A column that the recipe does without is said to be left out, at the end of the table."""
    model_config = {**MODEL.settings["recipe"], "dropped": ["billed"]}
    card = write_card(model_with(settings={**MODEL.settings, "recipe": model_config}))
    assert "3 features, 2 of which the model leaves out." in card
    assert card.index("| price | request") < card.index("| billed | feature table bills")
    assert "left out: does as well without it" in card


def test_given_facts_add_to_those_of_the_registration_and_win() -> None:
    """Facts of a command stand beside the version's own, and replace those of the same name."""
    card = write_card(MODEL, None, {"git_commit": "def456", "data_source": "real"})
    assert "| Git commit | def456 |" in card
    assert "| train_set | delta v4 |" in card
    assert "    PROBLEM=shop DATA_SOURCE=real kedro model reproduce 3" in card


def test_no_unknown_commit_is_checked_out() -> None:
    """Without a known commit the commands name none."""
    for facts in ({"git_commit": "unknown"}, {}):
        placed = Registration("m", "3", "run", facts)
        assert "git checkout" not in write_card(model_with(registration=placed))


def test_a_command_cannot_be_smuggled_in() -> None:
    """What the commands contain is quoted for the shell."""
    model = model_with(registration=Registration("m", "3; rm -rf .", "run"))
    card = write_card(model, None, {"git_commit": "$(evil)"})
    assert "kedro model reproduce '3; rm -rf .'" in card
    assert "    git checkout '$(evil)'" in card


def test_drawings_show_what_their_row_says() -> None:
    """Beside a slice, a bin and a feature its interval is drawn, with what it is compared with."""
    blocks = [block for section in describe_model(MODEL).sections for block in section.blocks]
    drawn = {block.caption: block.rows for block in blocks if isinstance(block, Table)}
    slices = drawn["roc_auc by slice, the worst first"]
    assert [row.drawn for row in slices][1] == Range(-0.01, 0.0, 0.01, 0.0)
    [first] = drawn["From the least likely rows to the likeliest"]
    assert first.drawn == Range(0.05, 0.1, 0.15, 0.11)
    assert drawn["Features, the weightiest first"][2].drawn is None
    assert drawn["Features, the weightiest first"][0].drawn == draw(REPORT["importance"][0], 0.0)


def test_a_number_next_to_nothing_has_no_sign() -> None:
    """What rounds to zero is zero, not minus zero."""
    importance = [{"column": "price", **estimate(-1e-9, 1e-6)}]
    assert "0.0000 (0.0000 to 0.0000)" in write_card(model_with({"importance": importance}))


def test_a_wide_table_is_cut_and_says_so() -> None:
    """Of hundreds of features the table shows sixty, and the text says how many there are."""
    card = write_card(model_with(features=[f"f{n}" for n in range(500)], lookups=[]))
    assert "500 features, 1 of which the model leaves out. The table shows 60;" in card
    assert card.count("| request |") == 60


def test_a_card_starts_with_what_one_asks_first() -> None:
    """Purpose, decision, metrics and limits come before the details, each section once."""
    keys = [section.key for section in describe_model(MODEL).sections]
    assert keys[:4] == ["purpose", "decision", "metrics", "limits"]
    assert len(set(keys)) == len(keys) == 10
    assert set(keys) >= {"slices", "calibration", "data", "features", "lineage", "reproduce"}


def test_the_contract_is_read_from_the_model_alone() -> None:
    """A card needs no catalog: the problem of another time is the one that the model carries."""
    other = {**PROBLEM, "owner": "somebody else"}
    card = write_card(model_with(settings={**MODEL.settings, "problem": other}))
    assert "| Owner | somebody else |" in card
