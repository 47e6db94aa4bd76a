"""``kedro model``: find the best runs, and what became of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from fullcircle.commands.one_line import OneLineErrors, answer, json_option


@click.group()
def model() -> None:
    """Find the best runs and the models that came of them."""


@contextmanager
def _switched(**switches: str | None) -> Iterator[None]:
    """Set switches, as in the environment, for as long as the block lasts; None leaves one."""
    chosen = {name: value for name, value in switches.items() if value is not None}
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _open_project(problem: str | None, data_source: str | None) -> dict[str, str]:
    """Set up the project's tracking, and tell which experiment, source and metric are meant."""
    from kedro.framework.session import KedroSession

    with _switched(PROBLEM=problem, DATA_SOURCE=data_source):
        context: Any = KedroSession.create().load_context()
        return {
            "experiment": context.mlflow.tracking.experiment.name,
            "data_source": str(context.config_loader["globals"]["data_source"]),
            "metric": context.catalog.load("params:problem").primary_metric,
        }


@model.command(cls=OneLineErrors)
@click.option("--metric", help="Any metric that runs have logged; the problem's primary one.")
@click.option("--problem", help="Instead of the one that PROBLEM names.")
@click.option(
    "--source",
    type=click.Choice(["simulated", "real"]),
    help="Instead of the one that DATA_SOURCE names.",
)
@click.option(
    "--direction", type=click.Choice(["max", "min"]), help="Which value of the metric is best."
)
@click.option("--all-runs", is_flag=True, help="Trials and unfinished runs too.")
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True)
@json_option
def best(
    metric: str | None,
    problem: str | None,
    source: str | None,
    direction: str | None,
    all_runs: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Rank the runs by a metric, best first, with the models registered from them."""
    from fullcircle.datasets.runs import rank_runs

    meant = _open_project(problem, source)
    rows = rank_runs(
        meant["experiment"],
        metric or meant["metric"],
        data_source=meant["data_source"],
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
