"""What a run did, what it decided and why, and where to look next."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from fullcircle.console import (
    Facts,
    Rows,
    Sections,
    count,
    format_interval_ends,
    format_score,
    make_console,
)
from fullcircle.core.training.failures import describe_failure, list_excluded
from fullcircle.hooks.summary_monitoring import (
    format_alerts,
    format_drift,
    format_performance,
    format_retraining,
    format_service,
)
from fullcircle.hooks.timing import RunTimer, describe_seconds

_MAX_REASONS = 5
_LOG_WIDTH = 100


class SummaryHook:
    """Prints a summary of the datasets that the run has made."""

    def __init__(self, timer: RunTimer) -> None:
        self._timer = timer

    @hook_impl
    def after_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Print one section for each report that this run made."""
        made = pipeline.all_outputs()
        parts = [
            (title, tell(*(catalog.load(each) for each in (name, *_BESIDE.get(name, [])))))
            for name, (title, tell) in SECTIONS.items()
            if name in made
        ]
        parts.append(("Time", describe_seconds(self._timer.measure_phases())))
        problem, as_of = catalog.load("params:problem").name, catalog.load("params:as_of")
        panel = Panel(Sections(parts), title=f"{problem} as of {as_of}", title_align="left")
        console = make_console(log_width=_LOG_WIDTH)
        console.print(panel)
        console.print(Text("Next", style="bold"), next_steps(catalog, made, problem), crop=False)


def format_ingestion(report: dict[str, Any]) -> RenderableType:
    """Say what came in, what was set aside and why."""
    head = (
        f"{report['rows_read']:,} rows read, {report['rows_kept']:,} kept, "
        f"{report['rows_rejected']:,} set aside"
    )
    reasons = [f"  {count:,}: {reason}" for reason, count in report["reasons"].items()]
    return "\n".join([head, *reasons[:_MAX_REASONS]])


def format_training_rows(report: dict[str, Any]) -> RenderableType:
    """Say how many rows are there to train on, and that some were left out."""
    known, kept = report["rows_known"], report["rows_kept"]
    if kept == known:
        return f"{known:,} labelled rows"
    said = f"{kept:,} of {known:,} labelled rows, {known - kept:,} left out of the sample"
    return Text(f"{said} (training_sample.max_rows)", style="yellow")


def format_preparation(plan: list[dict[str, Any]]) -> RenderableType:
    """Say how many columns are used and name those that are not, with the reason."""
    dropped = [entry for entry in plan if entry["action"] == "drop"]
    head = f"{len(plan) - len(dropped)} of {len(plan)} columns used"
    lines = [
        f"  {entry['column']} left out as {entry['kind']}: {entry['why']}" for entry in dropped
    ]
    return Text("\n".join([head, *lines[:_MAX_REASONS]]))


def format_search(report: dict[str, Any]) -> RenderableType:
    """Say what the search tried and where its time went."""
    states = Counter(trial["state"] for trial in report["trials"])
    told = ", ".join(f"{count} {state}" for state, count in states.items())
    seconds = report["seconds"]
    spent = f"{seconds['wall']:.1f} s, {seconds['outside_fitting']:.0%} of them outside fitting"
    head = (
        f"{len(report['trials'])} trials on {report['rows']:,} rows in {report['folds']} folds "
        f"({told}), {spent if seconds['fitting'] else 'remembered from an earlier run'}"
    )
    failures = [describe_failure(failure) for failure in report.get("failures", [])]
    return Group(Text(head), *(Text(failure, style="yellow") for failure in failures))


def format_leaderboard(rows: list[dict[str, Any]], search: dict[str, Any]) -> RenderableType:
    """Show the candidates, best first, say why the chosen one was, and who could not compete."""
    [place] = [place for place, row in enumerate(rows) if row["chosen"]]
    metric, best, chosen = rows[0]["metric"], rows[0]["value"], rows[place]
    interval = f"{rows[0]['confidence']:.0%} interval"
    taught = all(metric in row.get("train_scores", {}) for row in rows)
    listed = [
        {
            "candidate": row["candidate"],
            metric: format_score(row["value"], best),
            interval: f"{format_score(row['low'], best)} to {format_score(row['high'], best)}",
            "search": format_score(row["cv_score"], best),
            **({"train": format_score(row["train_scores"][metric], best)} if taught else {}),
            "verdict": _name_verdict(row),
        }
        for row in rows
    ]
    right = frozenset({metric, interval, "search", "train"})
    table = Rows(listed, right=right, bold=frozenset({place}))
    remarks = []
    if chosen["behind"]:
        behind, error = (format_score(chosen[name], best) for name in ("behind", "standard_error"))
        tie = f"{chosen['candidate']} ties with the best and is simpler: {behind} ± {error}"
        remarks.append(Text(tie))
    remarks += [
        Text(f"{failure['family']} is missing: every trial failed (see Search)", style="yellow")
        for failure in list_excluded(search.get("failures", []))
    ]
    return Group(table, *remarks)


def _name_verdict(row: dict[str, Any]) -> str:
    """Return ``chosen``, ``tied`` with the best within the noise, or ``worse``."""
    if row["chosen"]:
        return "chosen"
    return "tied" if row["ties"] and row["shortlisted"] else "worse"


def format_decision(decision: dict[str, Any]) -> RenderableType:
    """Say what the gate decided and why."""
    verdict = (
        Text(f"promoted {decision['challenger']}", style="green")
        if decision["promote"]
        else Text(f"refused {decision['challenger']}, kept {decision['incumbent']}", style="yellow")
    )
    score = decision["score"]
    lines = [verdict]
    if score:
        lines.append(
            Text(
                f"challenger's {decision['metric']} on {decision['gate_rows']:,} gate rows: "
                f"{format_score(score['value'])}, {score['confidence']:.0%} interval "
                f"{format_interval_ends(score)}"
            )
        )
    if decision["promote"]:
        lines.append(Text(f"all {len(decision['checks'])} checks passed; among them"))
    return Group(*lines, *(Text(f"- {reason}") for reason in _choose_reasons(decision)))


def _choose_reasons(decision: dict[str, Any]) -> list[str]:
    """Give why it was refused, all of it; of a promotion what it was better than."""
    told = ("better_than_baseline", "better_than_champion")
    reasons: list[str] = decision["reasons"]
    return [r for r in reasons if not decision["promote"] or r.startswith(told)]


def format_scoring(report: dict[str, Any]) -> RenderableType:
    """Say what was scored, how fast, and what could not be."""
    days = f" ({report['first_day']} to {report['last_day']})" if report["days"] > 1 else ""
    lines = [
        f"{count(report['rows'], 'row')} of {count(report['days'], 'day')} scored{days}, "
        f"{report['rows_per_second']:,} rows/s, at most {report['peak_memory_mb']:,.0f} MB"
    ]
    if report["days_kept"]:
        kept = count(report["days_kept"], "day")
        lines.append(f"{kept} kept: scored already, from the same")
    if report["stale_share"]:
        lines.append(f"{report['stale_share']:.1%} of them with a feature too old to count")
    lines += [f"set aside {n:,}: {why}" for why, n in report["reasons"].items()][:_MAX_REASONS]
    return Text("\n".join(lines))


SECTIONS: dict[str, tuple[str, Callable[..., RenderableType]]] = {
    "intake_report": ("Intake", format_ingestion),
    "training_rows": ("Training set", format_training_rows),
    "preparation_report": ("Columns", format_preparation),
    "search_report": ("Search", format_search),
    "leaderboard": ("Leaderboard", format_leaderboard),
    "promotion_decision": ("Gate", format_decision),
    "scoring_report": ("Scoring", format_scoring),
    "drift_report": ("Drift", format_drift),
    "performance_report": ("Performance", format_performance),
    "service_report": ("Service", format_service),
    "retrain_decision": ("Train again?", format_retraining),
    "alerts": ("Alerts", format_alerts),
}


# What a section reads beside the dataset that it is of.
_BESIDE = {"leaderboard": ["search_report"]}


def next_steps(catalog: DataCatalog, made: set[str], problem: str) -> Facts:
    """Give the pages that were made and the commands that lead on, each with what it shows."""
    pages = {"dashboard": "the monitoring page", "model_card_page": "the champion's card"}
    steps = [(_shorten(catalog.get(name)), what) for name, what in pages.items() if name in made]
    return Facts(
        [
            *steps,
            (f"kedro model list --problem {problem}", "versions and their roles"),
            ("mlflow ui", "runs, models, artifacts"),
            ("kedro viz run", "the pipelines as a graph"),
        ]
    )


def _shorten(dataset: Any) -> str:
    """Give the path of a file dataset, from the working directory where it lies below it."""
    path = Path(dataset._filepath)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
