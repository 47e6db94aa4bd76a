"""Ranking runs by a metric."""

from typing import Any

import click

from fullcircle.cli.command import Command, answer, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.console import Rows, format_score


@click.command(
    cls=Command,
    example="kedro model best --metric roc_auc --limit 3",
    then="mlflow ui shows each run whole",
)
@click.option("--metric", help="Any metric that runs have logged; the problem's primary one.")
@click.option(
    "--direction", type=click.Choice(["max", "min"]), help="Which value of the metric is best."
)
@click.option("--all-runs", is_flag=True, help="Trials and unfinished runs too.")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True)
@location_options
@json_option
def best(
    metric: str | None,
    direction: str | None,
    all_runs: bool,
    limit: int,
    place: ProjectLocation,
    as_json: bool,
) -> None:
    """Rank the runs by a metric, best first, with the models registered from them."""
    from fullcircle.tracking.runs import rank_runs

    rows = rank_runs(
        place.context.mlflow.tracking.experiment.name,
        metric or place.primary_metric,
        data_source=str(place.context.config_loader["globals"]["data_source"]),
        direction=direction,
        all_runs=all_runs,
        limit=limit,
    )
    answer(rows, as_json=as_json, show=_as_ranking)


def _as_ranking(rows: list[dict[str, Any]]) -> Any:
    """Set ranked runs as a table; a run's id stands whole on a line, to be copied."""
    metric = rows[0]["metric"]
    listed = [
        {
            "run": _as_lines(row["whole_run_name"], row["run_id"], row["note"]),
            "candidate, begun (UTC)": _as_lines(
                row["run_name"] if row["candidate"] else "",
                row["started_at"][:16].replace("T", " "),
            ),
            metric: format_score(row["value"], rows[0]["value"]),
            "model": _as_lines(f"v{row['version']}" if row["version"] else "", *row["aliases"]),
        }
        for row in rows
    ]
    return Rows(listed, right=frozenset({metric}))


def _as_lines(*parts: str | None) -> str:
    return "\n".join(part for part in parts if part)
