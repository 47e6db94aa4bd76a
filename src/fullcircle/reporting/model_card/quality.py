"""How good a model is: its scores, for whom they hold, and whether its probabilities are right."""

from math import inf
from typing import Any

from fullcircle.core.metrics import METRICS
from fullcircle.core.models.model import Model
from fullcircle.reporting.model_card.origin import read_problem
from fullcircle.reporting.model_card.parts import (
    UNKNOWN,
    Block,
    FactList,
    Paragraph,
    Row,
    Section,
    Table,
    Tone,
    draw,
    format_estimate,
    format_interval,
    format_number,
    format_points,
    format_share,
)
from fullcircle.reporting.model_card.verdict import Verdict

_MOST_CLASSES = 12
_TAUGHT = (
    " The train rows taught it: how much better it is on those shows how far it learnt them by "
    "heart."
)
_UNASSESSED = "This model carries no assessment by the selection rows, so this is unknown."


def describe_scores(model: Model, verdict: Verdict) -> Section:
    """Give every metric on selection, gate and train rows, and how rows were decided."""
    primary = read_problem(model).get("primary_metric")
    order = sorted(model.scores, key=lambda name: name != primary)
    taught = (model.report or {}).get("train_scores") or {}
    rows = [_score_row(name, model.scores[name], taught) for name in order]
    head = ["metric", "value", "interval", "better is", *(["train rows"] if taught else [])]
    blocks: list[Block] = [
        Paragraph(_format_setting(model)),
        Table("On the selection rows", head, rows),
        *_describe_confusion(model),
        *_describe_gate(model, verdict),
    ]
    return Section("metrics", "Metrics", blocks)


def _score_row(name: str, score: Any, taught: dict[str, float]) -> Row:
    better = UNKNOWN
    if name in METRICS:
        better = "more" if METRICS[name].greater_is_better else "less"
    beside = [format_number(taught.get(name))] if taught else []
    if isinstance(score, dict):
        interval = f"{format_interval(score)} at {format_share(score.get('confidence'))}"
        return Row([name, format_number(score["value"]), interval, better, *beside])
    return Row([name, format_number(score), "not estimated", better, *beside])


def _describe_confusion(model: Model) -> list[Block]:
    """Tabulate selection rows by class and decision; of many classes a page would be too small."""
    counts = (model.report or {}).get("confusion")
    if not counts or len(counts) > _MOST_CLASSES:
        return []
    head = ["truth", *(f"decided {number}" for number in range(len(counts)))]
    rows = [
        Row([f"class {number}", *(f"{count:,}" for count in row)])
        for number, row in enumerate(counts)
    ]
    at = f" at the threshold {model.threshold:g}" if model.threshold is not None else ""
    return [Table(f"Decisions on the selection rows{at}", head, rows)]


def _format_setting(model: Model) -> str:
    rows = (model.report or {}).get("rows")
    counted = f"{rows:,} rows" if isinstance(rows, int) else "rows"
    return (
        f"The selection set is {counted} that no candidate learned from and that chose the best of "
        "them, which flatters it a little. The gate rows chose nothing."
        + (_TAUGHT if (model.report or {}).get("train_scores") else "")
    )


def _describe_gate(model: Model, verdict: Verdict) -> list[Block]:
    if not verdict.judged:
        return [Paragraph("Its score on gate rows is told by the decision on itself.")]
    decision = verdict.decision
    metric = decision.get("metric", UNKNOWN)
    chosen, judged = model.scores.get(metric), decision.get("score")
    rows = [
        Row([f"{metric}, selection rows", *_split(chosen)], drawn=draw(_as_estimate(chosen))),
        Row([f"{metric}, gate rows", *_split(judged)], drawn=draw(judged)),
    ]
    others = [
        Row([f"{name}, gate rows", *_split(score)], drawn=draw(score))
        for name, score in decision.get("scores", {}).items()
        if name != metric
    ]
    head = ["score", "value", "interval"]
    table = Table("On the gate rows", head, [*rows, *others], "interval, drawn")
    rival = decision.get("incumbent")
    if rival is None:
        return [table, Paragraph("There was no champion to compare it with.")]
    said = f"Better than {rival} on the same gate rows by {format_estimate(decision.get('gain'))}."
    return [table, Paragraph(said)]


def _as_estimate(score: Any) -> dict[str, Any] | None:
    return score if isinstance(score, dict) else None


def _split(score: Any) -> list[str]:
    estimate = _as_estimate(score)
    return [format_number(estimate["value"] if estimate else score), format_interval(estimate)]


def sort_slices(model: Model) -> list[dict[str, Any]]:
    """Give the slices, the worst first and those that could not be judged last."""
    slices = (model.report or {}).get("slices") or []
    return sorted(slices, key=lambda s: s["difference"]["value"] if s["judged"] else inf)


def describe_slices(model: Model) -> Section:
    """Compare every slice with all other rows, the worst first."""
    slices = sort_slices(model)
    if model.report is None:
        return Section("slices", "Slices", [Paragraph(_UNASSESSED)])
    if not slices:
        return Section("slices", "Slices", [Paragraph("The contract declares none.")])
    head = ["slice", "rows", "verdict", "score", "better than the rest by"]
    rows = [_slice_row(row) for row in slices]
    metric = model.report.get("metric", "")
    blocks: list[Block] = [
        Table(f"{metric} by slice, the worst first", head, rows, "worse | better"),
        *_describe_decisions(model.report["slices"]),
        *_describe_gaps(model.report.get("gaps") or []),
    ]
    return Section("slices", "Slices", blocks)


def _slice_row(row: dict[str, Any]) -> Row:
    verdict, tone = _describe_slice(row)
    scored = [
        format_estimate(row[name]) if row["judged"] else "" for name in ("score", "difference")
    ]
    cells = [f"{row['column']}: {row['slice']}", f"{row['rows']:,}", verdict, *scored]
    return Row(cells, tone, draw(row["difference"], 0.0))


def _describe_slice(row: dict[str, Any]) -> tuple[str, Tone]:
    if not row["judged"]:
        return f"not judged: {row['reason']}", "plain"
    return ("significantly worse", "bad") if row["worse"] else ("not significantly worse", "plain")


def _describe_decisions(slices: list[dict[str, Any]]) -> list[Block]:
    """Of two classes, say how decisions fall in each slice, in the order of the columns."""
    names = ("positive", "decided_positive", "true_positive_rate", "false_positive_rate")
    rows = [
        Row([f"{row['column']}: {row['slice']}", *(format_share(row[name]) for name in names)])
        for row in slices
        if "decided_positive" in row
    ]
    head = ["slice", "class 1", "decided yes", "found of class 1", "false alarms"]
    return [Table("Decisions by slice", head, rows)] if rows else []


def _describe_gaps(gaps: list[dict[str, Any]]) -> list[Block]:
    names = ("demographic_parity_difference", "equal_opportunity_difference")
    rows = [Row([gap["column"], *(format_points(gap[name]) for name in names)]) for gap in gaps]
    head = ["column", "decided yes", "found of class 1"]
    return [Table("Largest gap between two slices", head, rows)] if rows else []


def describe_calibration(model: Model) -> Section:
    """Say whether probabilities mean what they say, and how that was found."""
    report = model.report or {}
    found = report.get("calibration")
    if model.task == "regression":
        said = "A regression gives no probabilities; the gate looks at its mean error."
        return Section("calibration", "Calibration", [Paragraph(said)])
    if not found:
        return Section("calibration", "Calibration", [Paragraph(_UNASSESSED)])
    verdict, tone = calibration_verdict(found)
    blocks: list[Block] = [Paragraph(verdict, tone), _format_calibration(found)]
    return Section("calibration", "Calibration", [*blocks, *_tabulate_bins(found)])


def calibration_verdict(found: dict[str, Any]) -> tuple[str, Tone]:
    """Word the verdict on probabilities."""
    if not found["judged"]:
        return f"The probabilities could not be judged: {found['reason']}.", "plain"
    level = f"at {format_share(found['confidence'])} confidence (p-value {found['p_value']:.3g})"
    if found["calibrated"]:
        return f"Nothing speaks against the probabilities {level}.", "good"
    return f"The probabilities do not mean what they say, {level}.", "bad"


def _format_calibration(found: dict[str, Any]) -> FactList:
    method = found.get("method") or {}
    return FactList(
        [
            ("Probabilities", f"of {found['of']}, {found['rows']:,} selection rows"),
            ("Corrected by", f"{method.get('method', UNKNOWN)} {_format_choice(method)}".strip()),
            ("Slope (1 is right)", format_estimate(found["slope"])),
            ("Intercept (0 is right)", format_estimate(found["intercept"])),
            ("Expected calibration error", format_number(found["expected_calibration_error"])),
            ("Of which chance explains", format_number(found["error_by_chance"])),
            ("Brier score", format_number(found["brier"])),
        ]
    )


def _format_choice(method: dict[str, Any]) -> str:
    if method.get("evidence"):
        return f"({method['evidence']})"
    tried = [row for row in method.get("methods", []) if row["method"] != "none"]
    said = [
        f"{row['method']}: {row['reason']}"
        if "reason" in row
        else f"{row['method']} gains {format_estimate(row['gain'])} of log loss"
        for row in tried
    ]
    return f"({'; '.join(said)})" if said else ""


def _tabulate_bins(found: dict[str, Any]) -> list[Block]:
    rows = [
        Row(
            [
                f"{part['rows']:,}",
                format_share(part["predicted"]),
                format_share(part["observed"]),
                f"{format_share(part['low'])} to {format_share(part['high'])}",
                "yes" if part["inside"] else "no",
            ],
            "plain" if part["inside"] else "bad",
            draw({**part, "value": part["observed"]}, part["predicted"]),
        )
        for part in found["bins"]
    ]
    head = ["rows", "predicted", "observed", "interval", "inside"]
    caption = "From the least likely rows to the likeliest"
    return [Table(caption, head, rows, "observed, predicted")] if rows else []
