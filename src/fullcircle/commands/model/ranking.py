"""Ranking runs by a metric."""

from typing import Any

import click

from fullcircle.commands.model.opening import Place, place_options
from fullcircle.commands.one_line import OneLineErrors, answer, json_option


@click.command(cls=OneLineErrors)
@click.option("--metric", help="Any metric that runs have logged; the problem's primary one.")
@click.option(
    "--direction", type=click.Choice(["max", "min"]), help="Which value of the metric is best."
)
@click.option("--all-runs", is_flag=True, help="Trials and unfinished runs too.")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True)
@place_options
@json_option
def best(
    metric: str | None,
    direction: str | None,
    all_runs: bool,
    limit: int,
    place: Place,
    as_json: bool,
) -> None:
    """Rank the runs by a metric, best first, with the models registered from them."""
    from fullcircle.datasets.runs import rank_runs

    rows = rank_runs(
        place.context.mlflow.tracking.experiment.name,
        metric or place.load("params:problem").primary_metric,
        data_source=str(place.context.config_loader["globals"]["data_source"]),
        direction=direction,
        all_runs=all_runs,
        limit=limit,
    )
    answer(rows, as_json=as_json, show=_as_ranking)


def _as_ranking(rows: list[dict[str, Any]]) -> Any:
    """Set ranked runs as a table; a run's id stands whole on a line, to be copied."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("run", min_width=32, overflow="fold")
    table.add_column("candidate, begun (UTC)", min_width=16, overflow="fold")
    table.add_column(rows[0]["metric"], justify="right", overflow="fold")
    table.add_column("model", overflow="fold")
    for row in rows:
        name = row["run_name"] if row["candidate"] else ""
        begun = row["started_at"][:16].replace("T", " ")
        version = f"v{row['version']}" if row["version"] else ""
        cells = (
            [row["whole_run_name"], row["run_id"], row["note"]],
            [name, begun],
            [f"{row['value']:.4f}"],
            [version, *row["aliases"]],
        )
        table.add_row(*(Text("\n".join(filter(None, cell))) for cell in cells))
    return table
