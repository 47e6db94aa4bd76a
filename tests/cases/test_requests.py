"""c41: requests that clients really send mean what the same row means in training and batch."""

import json
from typing import Any

import pytest
from tests.cases.agreement import Learnt, learn_case
from tests.cases.case_files import find_case

from fullcircle.core.errors import DataError


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    return learn_case("c41", "train.csv", "fault")


@pytest.fixture(scope="module")
def requests() -> dict[str, dict[str, str]]:
    lines = (find_case("c41") / "requests.jsonl").read_text("utf-8").splitlines()
    return {each["name"]: each for each in map(json.loads, lines)}


def answer(learnt: Learnt, request: dict[str, str]) -> Any:
    """Give the predictions of a request, or the line that refuses it."""
    kind = request["content_type"].partition(";")[0]
    try:
        part = learnt.ask_body(request["body"].encode(), kind, share=0.05)
    except DataError as error:
        return str(error)
    return str(part.fault) if part.fault else part.predicted.tolist()  # type: ignore[union-attr]


EQUAL = {
    **dict.fromkeys(
        ["integer_as_float", "number_as_text", "boolean_for_True", "blanks_around", "extra_column"],
        "ok",
    ),
    **dict.fromkeys(["split_other_order", "split_with_index", "inputs_lists", "csv"], "ok"),
    "csv_crlf_bom": "ok",
    "sentinel": "sentinel_null",
    "missing_word": "missing_word_null",
}


@pytest.mark.parametrize(("name", "same_as"), EQUAL.items())
def test_a_form_of_a_value_does_not_change_what_it_means(
    learnt: Learnt, requests: dict[str, Any], name: str, same_as: str
) -> None:
    """-999 and N/A are missing as in training; true, 30.0, "110.0" and CSV say what JSON says."""
    wanted = answer(learnt, requests[same_as])
    assert isinstance(wanted, list)
    assert answer(learnt, requests[name]) == wanted


REFUSED = {
    "zip_as_number": "zip is no text: '2134'",
    "missing_column": "lacks the column 'flow'",
    "wrong_case": "lacks the column 'flow' (nearest: 'Flow')",
    "empty_list": "holds no row",
    "mixed_good_and_bad": "row 1: flow is no number: 'abc'",
    "csv_decimal_comma": "flow is no number: '110,0'",
    "old_mlflow_split": "must hold exactly one of",
    "nan_literal": "The body is no JSON",
}


@pytest.mark.parametrize(("name", "said"), REFUSED.items())
def test_what_cannot_be_meant_is_refused_by_name(
    learnt: Learnt, requests: dict[str, Any], name: str, said: str
) -> None:
    """A value that no reading fits is refused in one line that names row, column and value."""
    told = answer(learnt, requests[name])
    assert isinstance(told, str)
    assert said in told
    assert "\n" not in told


def test_a_missing_word_among_numbers_is_missing(learnt: Learnt, requests: dict[str, Any]) -> None:
    """N/A in a column of numbers is missing as in training: equal to null there."""
    body = json.loads(requests["ok"]["body"])
    body["dataframe_records"][0]["flow"] = None
    null = {**requests["ok"], "body": json.dumps(body)}
    assert answer(learnt, requests["missing_word_number"]) == answer(learnt, null)


@pytest.mark.parametrize("name", ["integer_null", "new_category", "lower_true", "huge_integer"])
def test_unusual_values_are_answered(learnt: Learnt, requests: dict[str, Any], name: str) -> None:
    """A null among integers, an unseen category and a huge number get a prediction."""
    assert isinstance(answer(learnt, requests[name]), list)


def test_few_unreadable_cells_are_missing_and_flagged(learnt: Learnt) -> None:
    """Up to the declared share a bad cell costs no row: it is missing, as in the batch, and named.

    Above the share the request is refused, so that one bad value sent alone is never scored.
    """
    rows = learnt.records(list(range(40)))
    rows[7]["flow"] = "abc"
    part = learnt.ask(rows, share=0.05)
    assert part.fault is None
    assert [tuple(cell) for cell in part.unreadable] == [(7, "flow", "abc")]
    null = learnt.ask([{**rows[7], "flow": None}], share=0.05)
    assert part.predicted[7] == null.predicted[0]  # type: ignore[index]
    assert "flow is no number: 'abc'" in str(learnt.ask(rows[7:20], share=0.05).fault)
