"""``kedro automl``: training that chooses, for one file."""

import csv
from typing import TYPE_CHECKING, Any

import click

from fullcircle.cli.command import Command, answer, json_option
from fullcircle.cli.reading_options import reading_options
from fullcircle.console import as_table, show

if TYPE_CHECKING:
    from fullcircle.ingestion import ReadOptions
    from fullcircle.ingestion.inference import ProblemOptions
    from fullcircle.ingestion.typed_rows import TypedRows

_OF_THE_FILE = ("task", "read", "label_missing", "keep_spellings", "rare")
_TASKS = {"classify": "multiclass", "regress": "regression"}


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
    cls=Command,
    example="kedro automl --file data.csv --target y --seconds 30",
    then="kedro problem new my_problem --file data.csv --target y  # makes it a problem",
)
@click.option(
    "--file",
    "address",
    required=True,
    help="Rows to learn from: whatever kedro problem new reads.",
)
@click.option("--target", required=True, help="Column to predict.")
@click.option(
    "--task",
    type=click.Choice(["classify", "regress", "binary", "multiclass", "regression"]),
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
@click.option(
    "--read",
    multiple=True,
    metavar="COLUMN=HOW",
    help="How a column is read, as in kedro problem new.",
)
@click.option("--label-missing", multiple=True, help="Word of the target: it is not known.")
@click.option(
    "--keep-spellings/--join-spellings",
    default=None,
    help="Whether 'Yes' and 'yes' are two classes.",
)
@click.option(
    "--rare",
    type=click.Choice(["leave-out", "join"]),
    help="What becomes of classes with too few rows.",
)
@reading_options
@click.option("--yes", is_flag=True, help="Ask nothing.")
@json_option
def automl(
    address: str,
    target: str,
    seconds: float,
    trials: int | None,
    options: "ReadOptions",
    yes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Find a good model for a column of a file, and say how good it is."""
    from fullcircle import automl as engine
    from fullcircle.cli.asking import deciding
    from fullcircle.hooks.progress import show_work
    from fullcircle.ingestion.typed_rows import read_typed_rows

    problem_options = _resolve_options(target, given)
    with deciding(yes=as_json or yes) as decider:
        rows = read_typed_rows(address, problem_options, options, decider)
    budget = {"seconds": seconds} if trials is None else {"seconds": None, "trials": trials}
    search = {n: v for n, v in given.items() if v is not None and n not in _OF_THE_FILE}
    search["raw_schema"] = rows.raw_schema
    search["exclude"] = _find_excluded(given["exclude"] or [], rows)
    with show_work():
        find = engine.classify if rows.is_class else engine.regress
        result = find(rows.frame, target, **budget, **search)
    found = [finding.as_row() for finding in rows.findings]
    if not as_json:
        show(as_table(found))
    facts = {**result.as_dict(), "findings": found}
    answer(facts, as_json=as_json, show=lambda _: _as_panel(result))


def _resolve_options(target: str, given: dict[str, Any]) -> "ProblemOptions":
    """Gather what is said of the file's columns; the search looks for a key itself."""
    from fullcircle.cli.problem.messages import resolve_options

    said = {name: given[name] for name in _OF_THE_FILE}
    said |= {
        "target": target,
        "task": _TASKS.get(given["task"], given["task"]),
        "time": given["time"],
        "keys": [given["key"]] if given["key"] else [],
        "no_key": True,
        "snapshot": given["time"] is None,
        "states": "all",
    }
    return resolve_options("automl", said)


def _find_excluded(names: list[str], rows: "TypedRows") -> list[str]:
    """Return those of the named columns that the search would see.

    Raises:
        DataError: The file has no such column.
    """
    from fullcircle.core.errors import DataError, name_missing

    if missing := name_missing(names, rows.sources):
        raise DataError(f"The file lacks the column {missing}.")
    return [name for name in names if name in rows.frame.columns]


def _list_others(result: Any) -> str:
    """List the other metrics on the gate rows."""
    others = {n: each for n, each in result.scores.items() if n != result.search["metric"]}
    return ", ".join(f"{name} {each['value']:.4f}" for name, each in others.items())


def _as_panel(result: Any) -> Any:
    """Set what was found for a terminal."""
    from rich.text import Text

    from fullcircle.console import Sections
    from fullcircle.hooks.summary import format_leaderboard, format_preparation, format_search

    plan = result.columns.to_dict("records")
    parts: list[tuple[str, Any]] = [
        ("Columns", format_preparation(plan)),
        ("Search", format_search(result.search)),
        ("Leaderboard", format_leaderboard(result.leaderboard.to_dict("records"), result.search)),
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
        adopt = f"kedro model adopt {result.model_uri}  # where a problem has this target"
        parts.append(("Take it over", Text(adopt, overflow="ignore", no_wrap=True)))
    return Sections(parts)
