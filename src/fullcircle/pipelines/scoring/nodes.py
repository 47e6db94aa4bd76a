"""From requests to stored predictions, day by day."""

from collections.abc import Iterator, Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec, require_columns
from fullcircle.core.errors import DataError
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model
from fullcircle.core.scoring.days import ScoredDay
from fullcircle.core.scoring.planning import (
    ScoringSettings,
    Span,
    find_span,
    identify_day,
    plan_days,
)
from fullcircle.core.scoring.reporting import summarise_scoring
from fullcircle.core.scoring.requests import (
    DAY,
    RequestTable,
    refuse_bad_requests,
    validate_requests,
)
from fullcircle.core.scoring.rows import CHAMPION, name_model
from fullcircle.core.scoring.spark import is_on_spark, score_days_on_spark
from fullcircle.core.scoring.stream import Scoring, score_days
from fullcircle.core.training_data.splits import is_held_out
from fullcircle.core.validation.row_validation import REASON


def select_requests(
    events: ir.Table,
    previous_scored_days: Mapping[str, Any],
    problem: ProblemSpec,
    as_of: Clock,
    since: str | None,
    until: str | None,
) -> tuple[ir.Table, ir.Table]:
    """Select the rows to score, without their labels, and set aside what cannot be scored.

    These are the rows of the period after ``as_of``, or from ``since`` up to ``until``. A snapshot
    has no period; there the share of entities that never trains is scored.

    Returns:
        Per row to score, in the order of time: identity, request columns and ``scored_on`` (day of
        the event; of ``as_of`` for a snapshot). Per row set aside the same, and the reason.

    Raises:
        DataError: There is nothing to score.
        ConfigurationError: The span of days is not valid.
    """
    require_columns(list(events.columns), problem.event_columns, "events")
    span = find_span(problem, as_of, since, until, max(previous_scored_days, default=None))
    wanted = _is_in_span(events, problem, span)
    rows = events.filter(wanted).select(*problem.identity, *problem.request_columns)
    judged = validate_requests(rows, problem, as_of)
    requests = judged.filter(judged[REASON].isnull()).drop(REASON)
    if not requests.count().execute():
        raise DataError(_explain_nothing(events, problem, span))
    order = [DAY, *filter(None, [problem.event_time]), problem.row_id]
    return requests.order_by(order), judged.filter(judged[REASON].notnull())


def _is_in_span(events: ir.Table, problem: ProblemSpec, span: Span | None) -> ir.BooleanValue:
    if span is None or problem.event_time is None:
        return is_held_out(events, problem)
    moment = events[problem.event_time]
    inside = (moment >= ibis.literal(span.first)) & (moment < ibis.literal(span.end))
    return inside.fill_null(True)  # a row without a moment is set aside, not overlooked


def _explain_nothing(events: ir.Table, problem: ProblemSpec, span: Span | None) -> str:
    if span is None or problem.event_time is None:
        return "No entity falls into the share for scoring; raise 'scoring' in the split."
    moment = events[problem.event_time]
    first, last = events.aggregate(first=moment.min(), last=moment.max()).execute().iloc[0]
    return (
        f"There is nothing to score from {span.first:%Y-%m-%d} up to {span.end:%Y-%m-%d}: "
        f"the events lie between {first} and {last}. Choose an as_of among them, or 'since' and "
        "'until'."
    )


def plan_scoring(  # noqa: PLR0913, PLR0917 - all that decides which days are scored
    scoring_requests: RequestTable | ir.Table,
    previous_scored_days: Mapping[str, Any],
    feature_tables: Mapping[str, KeyedTable],
    champion: Model,
    shadow_models: Mapping[str, Model],
    problem: ProblemSpec,
    as_of: Clock,
    since: str | None = None,
    until: str | None = None,
) -> list[dict[str, Any]]:
    """Say which days are scored, and which are kept from a run that was cut short.

    Raises:
        DataError: The request table lacks a column, or holds rows that this run does not score.
        ModelError: A model cannot score these requests.
    """
    requests = RequestTable.of(scoring_requests)
    span = find_span(problem, as_of, since, until, max(previous_scored_days, default=None))
    _refuse_other_span(requests.rows, problem, span, as_of)
    for model in (champion, *shadow_models.values()):
        refuse_bad_requests(requests.rows, feature_tables, model, problem)
    models = {CHAMPION: champion, **shadow_models}
    return plan_days(
        requests.days, _describe_inputs(models, feature_tables, as_of), previous_scored_days
    )


def _refuse_other_span(
    rows: ir.Table, problem: ProblemSpec, span: Span | None, as_of: Clock
) -> None:
    """Refuse requests that a run with another clock has selected: they would get this one's."""
    if span is None or problem.event_time is None:
        return
    moment = rows[problem.event_time]
    outside = (moment < ibis.literal(span.first)) | (moment >= ibis.literal(span.end))
    if count := int(rows.filter(outside).count().execute()):
        raise DataError(
            f"{count:,} of the requests lie outside of {span.first:%Y-%m-%d} up to "
            f"{span.end:%Y-%m-%d}, which as_of={as_of} scores: a run with another clock has "
            "selected them. Select them again: kedro run --pipeline scoring."
        )


def _describe_inputs(
    models: Mapping[str, Model], tables: Mapping[str, KeyedTable], as_of: Clock
) -> dict[str, str]:
    """Describe what, beside its requests, decides what a day's predictions are."""
    return {
        "as_of": str(as_of),
        **{role: _identify(model) for role, model in models.items()},
        "features": _describe_versions(tables, models[CHAMPION]),
    }


def _identify(model: Model) -> str:
    digest = model.registration.facts.get("digest", "") if model.registration else ""
    return f"{model} {digest} {model.threshold}"


def _describe_versions(tables: Mapping[str, KeyedTable], model: Model) -> str:
    """Name the versions of the feature tables that a model looks into."""
    used = dict.fromkeys(lookup.table for lookup in model.lookups)
    return ", ".join(f"{name} {tables[name].version or 'unknown'}" for name in used)


def score_requests(
    scoring_requests: RequestTable | ir.Table,
    feature_tables: Mapping[str, KeyedTable],
    champion: Model,
    shadow_models: Mapping[str, Model],
    scoring_plan: list[dict[str, Any]],
    problem: ProblemSpec,
    as_of: Clock,
    scoring: ScoringSettings,
) -> Iterator[tuple[ScoredDay, ScoredDay]]:
    """Look features up, predict by all models in one reading, and stamp, day by day.

    Each request sees what was known at its own moment, by the models' own lookups. Memory does not
    grow with the rows.

    Yields:
        Each scored day, to be written before the next one is asked for, and the same day again, for
        what there is to tell of it once it is written. A row has its identity, the features used,
        ``predicted``, ``decision`` (classes) or ``predicted_low`` and ``predicted_high`` (values),
        the same with the role as prefix for each companion, ``stale_lookups``, and ``model_name``,
        ``model_version``, ``as_of`` and ``feature_versions``.
    """
    stamps = {
        "model_name": name_model(champion),
        "as_of": str(as_of),
        "feature_versions": _describe_versions(feature_tables, champion),
    }
    models = {CHAMPION: champion, **shadow_models}
    ready = Scoring.prepare(models, feature_tables, problem, stamps, scoring)
    requests = RequestTable.of(scoring_requests)
    _refuse_other_plan(requests, scoring_plan, _describe_inputs(models, feature_tables, as_of))
    score = score_days_on_spark if is_on_spark(requests.rows) else score_days
    for day in score(requests, scoring_plan, ready):
        yield day, day


def _refuse_other_plan(
    requests: RequestTable, plan: list[dict[str, Any]], inputs: Mapping[str, str]
) -> None:
    """Refuse a plan that was made for another clock, model, features or requests than these."""
    planned = {entry["day"]: entry["fingerprint"] for entry in plan}
    here = {day: identify_day(found, inputs) for day, found in requests.days.items()}
    if planned != here:
        raise DataError(
            "The scoring plan was made for another clock, model, feature table or request table "
            "than these. Plan again: kedro run --pipeline scoring."
        )


def report_scoring(
    predictions: ir.Table,
    scoring_plan: list[dict[str, Any]],
    scored_after: Mapping[str, Any],
    rejected_requests: ir.Table,
    as_of: Clock,
) -> dict[str, Any]:
    """Count what was scored, kept and set aside, and say how fast."""
    del predictions  # they are written by now
    counts = rejected_requests.group_by(REASON).aggregate(rows=rejected_requests.count())
    reasons = {row[REASON]: row["rows"] for row in counts.to_pyarrow().to_pylist()}
    return {"as_of": str(as_of), **summarise_scoring(scoring_plan, scored_after, reasons)}
