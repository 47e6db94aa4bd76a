"""``kedro endpoint``: steer and read the endpoint that ``kedro serve`` started."""

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fullcircle.cli.command import Command, Commands, answer, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options, places_options
from fullcircle.console import as_facts, as_table

_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_STOP_SECONDS = 30.0


@click.group(
    cls=Commands,
    example="kedro endpoint status",
    then="kedro endpoint traffic --challenger 0.1  # begins a canary",
)
def endpoint() -> None:
    """Steer the endpoint of `kedro serve`: traffic, tokens, comparison, costs."""


@endpoint.command(
    cls=Command,
    example="kedro endpoint status --json",
    then="kedro endpoint compare  # says who is better by the labels",
)
@location_options
@json_option
def status(place: ProjectLocation, as_json: bool) -> None:
    """Show who answers at which share, how the workers are, and whether the log works."""
    from fullcircle.serving.runtime_dir import read_json
    from fullcircle.serving.setup import find_folder
    from fullcircle.serving.status import is_running, read_workers

    folder = find_folder(place.context)
    facts = read_json(folder.status) or {"state": "never started: kedro serve"}
    if facts.get("state") == "serving" and not is_running(folder):
        facts["state"] = "gone without a word; the journal is taken up at the next kedro serve"
    facts["traffic"] = read_json(folder.traffic) or "the champion answers everybody"
    facts["models"] = [worker["model_versions"] for worker in read_workers(folder)]
    shown = {name: value for name, value in facts.items() if name != "models" or any(value)}
    answer(facts, as_json=as_json, show=lambda _: as_facts(shown))


@endpoint.command(
    cls=Command,
    example=("kedro endpoint traffic --challenger 0.1 --why canary", "kedro endpoint traffic"),
    then="kedro endpoint compare  # as labels arrive",
)
@click.option("--challenger", type=float, help="Its share: 0.1 is a canary, 1 is blue-green.")
@click.option("--why", default="", help="Why, for the record.")
@location_options
@json_option
def traffic(challenger: float | None, why: str, place: ProjectLocation, as_json: bool) -> None:
    """Give the challenger a share of the entities, or show the share; while running, at once."""
    from fullcircle.serving.runtime_dir import read_json
    from fullcircle.serving.setup import find_folder
    from fullcircle.serving.traffic import read_traffic, set_traffic
    from fullcircle.tracking.registry.actors import name_actor

    folder = find_folder(place.context)
    if challenger is None:
        said = read_traffic(read_json(folder.traffic))
    else:
        said = set_traffic(folder, challenger, why, name_actor())
    answer(said.model_dump(mode="json"), as_json=as_json, show=as_facts)


@endpoint.command(cls=Command, example="kedro endpoint stop", then="kedro serve  # starts it again")
@location_options
def stop(place: ProjectLocation) -> None:
    """End the endpoint in order: what was begun is answered, and all answers are in the log."""
    from fullcircle.core.errors import StorageError
    from fullcircle.serving.runtime_dir import read_json
    from fullcircle.serving.setup import find_folder
    from fullcircle.serving.status import describe_end, is_running

    folder = find_folder(place.context)
    if not is_running(folder):
        raise StorageError("No endpoint of this problem runs here.")
    said = read_json(folder.status)
    if beside := said.get("beside"):
        click.echo(f"It shares its processes with {', '.join(beside)}: they end with it.")
    os.kill(int(said["pid"]), signal.SIGTERM)
    last = time.monotonic() + _STOP_SECONDS
    while is_running(folder):
        if time.monotonic() > last:
            raise StorageError(f"The endpoint has not ended after {_STOP_SECONDS:g} seconds.")
        time.sleep(0.1)
    click.echo(describe_end(read_json(folder.status) or {}))


@endpoint.command(
    cls=Command,
    example="kedro endpoint compare --confidence 0.99",
    then="kedro model promote challenger  # lets the gate decide",
)
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True)
@click.option(
    "--margin",
    type=click.FloatRange(0, min_open=True),
    default=0.01,
    show_default=True,
    help="A difference below this share of the champion's loss does not matter.",
)
@click.option("--metric", help="What decides: accuracy, brier, mae …; log loss or squared error.")
@location_options
@json_option
def compare(
    confidence: float, margin: float, metric: str | None, place: ProjectLocation, as_json: bool
) -> None:
    """Decide champion against challenger (or shadow) by the log and the labels that have come."""
    from fullcircle.serving.comparison import describe
    from fullcircle.serving.log_reports import gather_evidence

    evidence = gather_evidence(place.context, margin=margin, confidence=confidence, metric=metric)
    facts = describe(evidence)
    if as_json:
        facts = {**facts, **evidence.comparison.as_dict()}
    answer(facts, as_json=as_json, show=as_facts)


@endpoint.command(
    cls=Command,
    example=(
        "kedro endpoint costs",
        "kedro endpoint costs --by hour",
        "kedro endpoint costs --change 2025-04-01T12:00 --json",
    ),
    then="kedro run --pipeline monitoring  # keeps them in the service report and in MLflow",
)
@click.option(
    "--by",
    type=click.Choice(["day", "hour"]),
    default="day",
    show_default=True,
    help="By day, or by hour of the day (UTC).",
)
@click.option("--change", type=click.DateTime(_MOMENTS), help="Before and after this moment (UTC).")
@location_options
@json_option
def costs(by: str, change: datetime | None, place: ProjectLocation, as_json: bool) -> None:
    """Show what predictions cost: hours up, processor's time, and money by service.price_per_hour.

    Hours up are priced whether anybody asks or not; the processor's time is what a fully used
    machine would cost.
    """
    from fullcircle.serving.log_reports import count_costs

    moment = None if change is None else change.replace(tzinfo=UTC)
    rows = count_costs(place.context, "change" if change else by, moment)
    answer(rows, as_json=as_json, show=_show_costs)


def _show_costs(rows: list[dict[str, Any]]) -> Any:
    """Return the rows as a table, with few digits; what is not known stays blank."""
    priced = any(row["cost"] is not None for row in rows)
    money = {"cost", "cost_per_thousand", "processor_cost_per_thousand"}
    shown = [
        {n: _shorten(n, value) for n, value in row.items() if priced or n not in money}
        for row in rows
    ]
    return as_table(shown)


def _shorten(name: str, value: Any) -> Any:
    if value is None:
        return ""
    if name == "utilisation":
        return f"{value:.2%}"
    return f"{value:.4g}" if isinstance(value, float) else value


@endpoint.command(
    cls=Command,
    example=(
        "kedro endpoint unit --output units",
        "kedro endpoint unit --problem telco_churn --problem diabetes --output units",
    ),
    then="docs/endpoint.md says where the files go",
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the files.")
@click.option("--user", help="Who runs it; by default the owner of the project's folder.")
@places_options
def unit(output: Path | None, user: str | None, places: list[ProjectLocation]) -> None:
    """Write a systemd socket and service that start the endpoint at the first request.

    Several problems share one service. A third file tells the alert channels where it fails.
    """
    from fullcircle.cli.endpoint.units import find_user, render_units
    from fullcircle.cli.schedule.scheduler_files import save_files
    from fullcircle.serving.runtime_dir import read_json

    # Kedro reads `globals:` of the project that was opened last: one is finished before the next.
    folders = [_find_planned(place) for place in places]
    plans = [read_json(folder.plan) for folder in folders]
    project = Path(places[0].context.project_path)
    user = user or find_user(project)
    named = {
        plan["contract"]["name"]: folder.path for plan, folder in zip(plans, folders, strict=True)
    }
    units = render_units(named, plans[0]["settings"], project, user)
    if user != project.owner():
        click.echo(f"It runs as {user}: make that user, and give it {project}.", err=True)
    if output is not None:
        save_files(output, units)
    for name, text in units.items():
        click.echo(f"# {name}\n{text}" if output is None else f"Wrote {output / name}")


def _find_planned(place: ProjectLocation) -> Any:
    """Return the folder of an endpoint; one that was never set up is set up."""
    from fullcircle.serving.setup import find_folder, set_up

    folder = find_folder(place.context)
    return folder if folder.plan.exists() else set_up(place.context, {}, ())


@endpoint.group(
    cls=Commands,
    example="kedro endpoint token create --name shop",
    then="kedro endpoint token list",
)
def token() -> None:
    """Make tokens, list them, take them back; the running endpoint follows at once."""


@token.command(
    cls=Command,
    example="kedro endpoint token create --name shop --scope predict --days 90",
    then="send it as the header Authorization: Bearer TOKEN",
)
@click.option("--name", required=True, help="Whose it is.")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(["predict", "admin"]),
    multiple=True,
    default=["predict"],
    show_default=True,
)
@click.option("--days", type=click.FloatRange(0, min_open=True), help="How long it is valid.")
@location_options
def create(name: str, scopes: tuple[Any, ...], days: float | None, place: ProjectLocation) -> None:
    """Make a token and show it, this once; only its hash is kept."""
    from fullcircle.serving.setup import find_folder
    from fullcircle.serving.tokens import issue_token

    folder = find_folder(place.context)
    identity, secret = issue_token(folder, name, list(scopes), days, datetime.now(UTC))
    click.echo(secret)
    click.echo(
        f"Token {identity} for {name}: {', '.join(scopes)}. It is not shown again.", err=True
    )


@token.command(
    name="list",
    cls=Command,
    example="kedro endpoint token list",
    then="kedro endpoint token revoke IDENTITY",
)
@location_options
@json_option
def list_all(place: ProjectLocation, as_json: bool) -> None:
    """List the tokens; what they are, nobody can read."""
    from fullcircle.serving.setup import find_folder
    from fullcircle.serving.tokens import list_tokens

    answer(list_tokens(find_folder(place.context)), as_json=as_json, show=as_table)


@token.command(
    cls=Command,
    example="kedro endpoint token revoke 3f9c1a2b",
    then="kedro endpoint token list",
)
@click.argument("identity")
@location_options
def revoke(identity: str, place: ProjectLocation) -> None:
    """Take a token back by its id."""
    from fullcircle.serving.setup import find_folder
    from fullcircle.serving.status import describe_access
    from fullcircle.serving.tokens import revoke_token

    folder = find_folder(place.context)
    taken = revoke_token(folder, identity)
    click.echo(f"Token {identity} of {taken.name} is worth nothing any more.")
    click.echo(describe_access(folder))
