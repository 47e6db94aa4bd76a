"""What looks dangerous in a table: columns that give the label away, name rows, or say nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from fullcircle.core.contract import Task
from fullcircle.core.errors import DataError
from fullcircle.core.parsing.timestamps import read_moment
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.ingestion.inference.arithmetic import Formula, find_formulas, name_columns
from fullcircle.ingestion.inference.column_kinds import Column, read_number_texts
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.inference.thresholds import find_thresholds

LEFT_OUT = ("leak", "identifier", "constant", "empty", "duplicate")
_STRONG = 0.9
_ADVICE = {
    "leak": "left out; add it to request_columns if it is known before the label",
    "identifier": "left out: it names rows and repeats in none to come",
    "constant": "left out",
    "empty": "left out",
    "duplicate": "left out",
}


def read_sample(sample: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Read a sample of texts by what its columns are.

    Args:
        sample: Stripped texts, None where nothing is known; named as in the source.
        columns: The columns to read.

    Returns:
        The columns by their names in the problem: float64, datetimes in UTC, or texts.
    """
    return pd.DataFrame({each.name: _read(sample, each) for each in columns})


def _read(sample: pd.DataFrame, column: Column) -> pd.Series:
    texts = sample[column.source]
    texts = texts.mask(texts.isin(column.marks), None) if column.marks else texts
    if column.kind == "number":
        numbers = read_number_texts(texts, column.form)
        return numbers.mask(numbers.isin(column.sentinels))
    if column.kind == "moment":
        if column.clock:
            texts = texts + sample[column.clock].map(lambda each: f" {each}", na_action="ignore")
        moments = texts.map(lambda each: read_moment(each, column.layout), na_action="ignore")
        return pd.to_datetime(moments, errors="coerce", utc=True).astype("datetime64[us, UTC]")
    return texts


@dataclass(frozen=True)
class DatasetWarnings:
    """What was found about columns.

    Attributes:
        left_out: ``{column: why no model should see it}``.
        strengths: How well each column alone tells the label, from 0 (chance) to 1 (all); None
            where too few rows can tell.
        findings: All of it in words.
    """

    left_out: dict[str, str]
    strengths: dict[str, float | None]
    findings: list[Issue]


def find_dangers(
    features: pd.DataFrame, label: pd.Series, task: Task, sources: Mapping[str, str]
) -> DatasetWarnings:
    """Find the columns that no model should see, and those that deserve a look.

    Args:
        features: Sampled rows with a known label, as read_sample gives them.
        label: Numbers of classes, or values; one a row.
        task: What is predicted.
        sources: Name of each column in the source.

    Raises:
        DataError: No column is left to predict from.
    """
    plan = diagnose_columns(features, label, task, PreparationSettings())
    left_out = {e["column"]: e["why"] for e in plan if e["kind"] in LEFT_OUT}
    found = [
        Issue("danger", e["kind"], f"{sources[e['column']]}: {e['why']}", _ADVICE[e["kind"]])
        for e in plan
        if e["column"] in left_out
    ]
    if task == "regression":
        numbers = [e["column"] for e in plan if e["treatment"] == "number"]
        # A code of digits alone is prepared as a number, but its texts are none.
        read = features[numbers].select_dtypes("float64")
        for formula in find_formulas(read, label):
            why = _describe_formula(formula, sources)
            found.append(Issue("danger", "leak", why, _ADVICE["leak"]))
            left_out |= dict.fromkeys(formula.columns, why)
        open_ones = features.drop(columns=[name for name in left_out if name in features])
        for name in find_thresholds(open_ones, label):
            why = "a range of the label for each of its values, as a threshold or a rounding gives"
            found.append(Issue("danger", "leak", f"{sources[name]}: {why}", _ADVICE["leak"]))
            left_out[name] = why
    strong = [e for e in plan if (e["score"] or 0) > _STRONG and e["column"] not in left_out]
    for entry in strong:
        told = f"{sources[entry['column']]} alone tells {entry['score']:.0%} of the label's order"
        found.append(
            Issue("danger", "strong column", told, "kept; make sure it is known beforehand")
        )
    if len(left_out) == len(features.columns):
        raise DataError(
            "No column is left to predict from: "
            + "; ".join(f"{sources[name]} ({why})" for name, why in list(left_out.items())[:5])
        )
    strengths = {e["column"]: e["score"] for e in plan}
    return DatasetWarnings(left_out, strengths, found)


def _describe_formula(formula: Formula, sources: Mapping[str, str]) -> str:
    named = name_columns(sources[name] for name in formula.columns)
    if len(formula.columns) == 1:
        tail = "is the label" if formula.exact else "is the label, but for rounding"
        return f"{named} {tail}, in another unit or scale"
    tail = "exactly" if formula.exact else "but for rounding or small corrections"
    return f"{named} {formula.how} the label {tail}"
