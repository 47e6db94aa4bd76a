"""The log of the endpoint's predictions, read as the tables of other sources are."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.profile import PREDICTION
from fullcircle.core.profile.bins import Bins

ANSWERED_AT = "answered_at"
SHADOW = "shadow"
#: What the log must hold to be looked at.
COLUMNS = (
    ANSWERED_AT,
    "date",
    "request_id",
    "row",
    "row_id",
    "role",
    "answered",
    "model_version",
    PREDICTION,
    "probabilities",
    "decision",
    "features",
)
_BOOLEANS = {"true", "false"}


@ibis.udf.scalar.builtin(name="json_extract_string")  # type: ignore[untyped-decorator]
def _extract_in_duckdb(text: str, path: str) -> str:  # type: ignore[empty-body]
    """DuckDB's own reading of a JSON text."""


@ibis.udf.scalar.builtin(name="get_json_object")  # type: ignore[untyped-decorator]
def _extract_in_spark(text: str, path: str) -> str:  # type: ignore[empty-body]
    """Spark's own reading of a JSON text."""


def plain_role(role: ir.StringColumn) -> ir.StringColumn:
    """Return the role without what is said beside it: ``champion instead`` is the champion."""
    return role.split(" ")[0]


def extract_features(log: ir.Table, columns: Mapping[str, Bins]) -> dict[str, ir.Column]:
    """Return a column for each feature, read from the log's JSON as training read it.

    Args:
        log: Rows of the log.
        columns: Bins by feature, as a profile has them.
    """
    return {name: _extract(log, name, bins) for name, bins in columns.items()}


def _extract(log: ir.Table, name: str, bins: Bins) -> ir.Column:
    text = extract_text(log, name)
    if bins["kind"] == "number":
        return _as_number(text)
    if set(bins["categories"]) <= {"True", "False"}:
        return ibis.cases((text == "true", "True"), (text == "false", "False"), else_=text)
    return text


def extract_text(log: ir.Table, name: str) -> ir.StringColumn:
    """Return a feature's value as text; null where it is missing."""
    if log.get_backend().name == "duckdb":
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return _extract_in_duckdb(log["features"], f'$."{escaped}"')
    return _extract_in_spark(log["features"], f"$['{name}']")


def _as_number(text: ir.StringColumn) -> ir.FloatingColumn:
    """Read numbers, booleans and moments, which JSON holds as texts."""
    moment = text.try_cast("timestamp").truncate("s").epoch_seconds().cast("float64")
    truth = ibis.cases((text == "true", 1.0), (text == "false", 0.0))
    return ibis.coalesce(text.try_cast("float64"), truth, moment)


@dataclass(frozen=True)
class AnsweringVersions:
    """Who answered the rows of a window.

    Attributes:
        rows: Answered rows by version.
        features: Names of the features that the log holds of each version's rows.
        roles: Rows by role and version, the shadow's too.
    """

    rows: dict[str, int]
    features: dict[str, frozenset[str]]
    roles: dict[tuple[str, str], int]

    def comparable(self, wanted: Collection[str]) -> list[str]:
        """Return the versions whose rows hold all of the wanted features."""
        return sorted(name for name in self.rows if set(wanted) <= self.features[name])


def count_versions(log: ir.Table) -> AnsweringVersions:
    """Count the rows of a window by who predicted them; one row of each shows its features."""
    keyed = log.mutate(role=plain_role(log["role"]))
    keys = ["role", "model_version", "answered"]
    grouped = keyed.group_by(keys).agg(rows=keyed.count(), sample=keyed["features"].max())
    rows: dict[str, int] = {}
    features: dict[str, frozenset[str]] = {}
    roles: dict[tuple[str, str], int] = {}
    for each in grouped.to_pyarrow().to_pylist():
        version = str(each["model_version"])
        roles[each["role"], version] = roles.get((each["role"], version), 0) + int(each["rows"])
        if each["answered"]:
            rows[version] = rows.get(version, 0) + int(each["rows"])
            features[version] = frozenset(json.loads(each["sample"] or "{}"))
    return AnsweringVersions(rows, features, roles)


def read_prediction(log: ir.Table, task: str) -> ir.Column:
    """Return what was predicted as one number: of several classes, the decided one."""
    return log["decision"].cast("float64") if task == "multiclass" else log[PREDICTION]


def read_answers(log: ir.Table, problem: ProblemSpec, clock: ir.StringColumn) -> ir.Table:
    """Return the answered rows as performance takes them, with the shadow's beside.

    A row is known by its row id. Without one it is known by its request's id, or by
    ``<request id>/<row>`` where the request had several rows. Of a row that was asked for again in
    the same window, by the same version, the newest answer counts.

    Args:
        log: Rows of the log.
        problem: The contract.
        clock: Name of the window of each row.
    """
    log = log.mutate(
        as_of=clock,
        role=plain_role(log["role"]),
        **{problem.row_id: _identify(log), PREDICTION: _read_probabilities(log, problem)},
    )
    slices = {
        name: extract_text(log, name)
        for name in problem.slices
        if name not in problem.private_columns and name in problem.features
    }
    answered = log.filter(log["answered"]).mutate(**slices)
    keys = [answered[name] for name in ("as_of", "role", "model_version", problem.row_id)]
    newest = ibis.row_number().over(
        group_by=keys,
        order_by=[answered[ANSWERED_AT].desc(), answered["request_id"], answered["row"]],
    )
    answered = answered.mutate(repeat=newest).filter(lambda rows: rows["repeat"] == 0)
    kept = [problem.row_id, "as_of", "role", "model_version", PREDICTION, "decision"]
    wanted = list(dict.fromkeys([*kept, ANSWERED_AT, *slices]))
    shadow = log.filter(log["role"] == SHADOW)
    if not shadow.count().to_pyarrow().as_py():
        return answered.select(wanted)
    beside = shadow.select(
        "request_id",
        "row",
        **{f"{SHADOW}_{name}": shadow[name] for name in (PREDICTION, "decision", "model_version")},
    )
    beside = beside.distinct(on=["request_id", "row"])
    joined = answered.left_join(beside, ["request_id", "row"])
    return joined.select(*wanted, *(name for name in beside.columns if name.startswith(SHADOW)))


def _identify(log: ir.Table) -> ir.StringColumn:
    alone = log["row"].max().over(group_by=log["request_id"]) == 0
    place = log["request_id"] + "/" + log["row"].cast("string")
    return ibis.coalesce(log["row_id"], ibis.ifelse(alone, log["request_id"], place))


def _read_probabilities(log: ir.Table, problem: ProblemSpec) -> ir.Column:
    return log["probabilities"] if problem.task == "multiclass" else log[PREDICTION]


def describe_private(problem: ProblemSpec, columns: Collection[str]) -> dict[str, Any]:
    """Return the features that the log does not hold, each with the reason."""
    reason = "private_columns names it, so the endpoint's log does not hold it"
    return {name: reason for name in columns if name in problem.private_columns}
