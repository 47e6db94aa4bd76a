"""``kedro automl``: training that chooses, for one file."""

import csv
from pathlib import Path
from typing import Any

import click

from fullcircle.commands.one_line import OneLineErrors, answer, json_option


def split_names(
    context: click.Context, option: click.Parameter, given: str | None
) -> list[str] | None:
    """Take names apart at commas; one with a comma in it stands in double quotes."""
    del context, option
    return (
        None
        if given is None
        else [name for name in next(csv.reader([given], skipinitialspace=True)) if name]
    )


@click.command(
    cls=OneLineErrors,
    example="kedro automl --file data.csv --target y --seconds 30",
    then="kedro problem new my_problem --file data.csv --target y  # makes it a problem",
)
@click.option(
    "--file",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="Rows to learn from: .csv, .csv.gz or .parquet.",
)
@click.option("--target", required=True, help="Column to predict.")
@click.option(
    "--task",
    type=click.Choice(["classify", "regress"]),
    help="What the target is; told by its values where left out.",
)
@click.option("--seconds", type=float, default=60.0, show_default=True, help="Seconds of search.")
@click.option("--trials", type=int, help="Trials of search, instead of seconds.")
@click.option("--metric", help="Metric that selects, such as f1, accuracy or roc_auc.")
@click.option(
    "--exclude", callback=split_names, help="Columns that are not to be used, with commas between."
)
@click.option(
    "--candidates",
    callback=split_names,
    help="Families to try, with commas between; all by default.",
)
@click.option("--time", help="Column with each row's moment: later rows judge earlier ones.")
@click.option("--key", help="Column that says what a row is about: never on both sides of a split.")
@click.option(
    "--no-key", is_flag=True, help="Each row is about something of its own, whatever repeats."
)
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--note", default="", help="What the search is to find out, for the MLflow run.")
@json_option
def automl(
    path: Path,
    target: str,
    task: str | None,
    seconds: float,
    trials: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Find a good model for a column of a file, and say how good it is."""
    from fullcircle import automl as search
    from fullcircle.automl.files import read_rows
    from fullcircle.automl.rows import is_class
    from fullcircle.hooks.progress import show_work

    frame = read_rows(path)
    classes = task == "classify" or (task is None and is_class(frame, target))
    given = {name: value for name, value in options.items() if value is not None}
    budget = {"seconds": seconds} if trials is None else {"seconds": None, "trials": trials}
    with show_work():
        result = (search.classify if classes else search.regress)(frame, target, **budget, **given)
    answer(result.as_dict(), as_json=as_json, show=lambda _: _as_panel(result))


def _list_others(result: Any) -> str:
    """List the other metrics on the gate rows."""
    others = {n: each for n, each in result.scores.items() if n != result.search["metric"]}
    return ", ".join(f"{name} {each['value']:.4f}" for name, each in others.items())


def _as_panel(result: Any) -> Any:
    """Set what was found for a terminal."""
    from rich.text import Text

    from fullcircle.hooks.summary import tell_leaderboard, tell_preparation, tell_search
    from fullcircle.terminal import Sections

    plan = result.columns.to_dict("records")
    parts: list[tuple[str, Any]] = [
        ("Columns", tell_preparation(plan)),
        ("Search", tell_search(result.search)),
        ("Leaderboard", tell_leaderboard(result.leaderboard.to_dict("records"), result.search)),
        ("Score", Text(f"{result.search['metric']} {result.score} on rows that chose nothing")),
        ("Also there", Text(_list_others(result))),
    ]
    parts += [("Look at", Text(note)) for note in result.notes]
    if result.set_aside:
        parts.append(("Set aside", f"{result.set_aside} rows without a target"))
    if result.notebook:
        parts.append(("Notebook", Text(str(result.notebook), overflow="ignore", no_wrap=True)))
    if result.run_id:
        parts.append(("Run", Text(f"{result.run_id} (mlflow ui)")))
    return Sections(parts)
