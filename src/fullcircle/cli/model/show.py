"""Looking at the models of a problem."""

import json
from pathlib import Path
from typing import Any

import click

from fullcircle.cli.command import Command, answer, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.console import as_facts, as_table

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(name="list", cls=Command, example="kedro model list", then="kedro model show 3")
@location_options
@json_option
def list_models(place: ProjectLocation, as_json: bool) -> None:
    """List the versions, newest first, with their roles."""
    from fullcircle.tracking.registry.lookup import find_model, list_aliases, list_versions

    model = place.registry.model
    if find_model(model) is None:
        raise click.ClickException(f"The registry has no {model} yet. Train one: kedro run.")
    aliases, metric = list_aliases(model), place.primary_metric
    rows = [
        {
            "version": str(version.version),
            "roles": _roles(aliases, version),
            "candidate": version.tags.get("candidate"),
            "as_of": version.tags.get("trained.as_of"),
            f"selection_{metric}": version.tags.get(f"selection.{metric}"),
            "gate": "retired" if "retired" in version.tags else version.tags.get("decision"),
        }
        for version in list_versions(model)
    ]
    answer(rows, as_json=as_json, show=as_table)


def _roles(aliases: dict[str, str], version: Any) -> list[str]:
    return sorted(alias for alias, number in aliases.items() if number == str(version.version))


@click.command(
    cls=Command,
    example="kedro model show challenger",
    then="kedro model compare champion challenger",
)
@click.argument("version", metavar="VERSION", default="champion")
@location_options
@json_option
def show(version: str, place: ProjectLocation, as_json: bool) -> None:
    """Show what the registry knows of a version: an alias or a number."""
    from fullcircle.tracking.registry.lookup import find_model, list_aliases

    found = place.find(version)
    facts = {
        "model": found.name,
        "version": str(found.version),
        "roles": _roles(list_aliases(found.name), found),
        "description": found.description,
        "run_id": found.run_id,
        "tags": dict(sorted(found.tags.items())),
        "model_tags": dict(sorted(find_model(found.name).tags.items())),
        "approvals": [
            f"{approval['who']}: {approval['why']}"
            for approval in place.registry.approvals(str(found.version))
        ],
    }
    answer(facts, as_json=as_json, show=as_facts)


@click.command(
    cls=Command,
    example="kedro model compare champion challenger",
    then="kedro model promote challenger",
)
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@location_options
@json_option
def compare(first: str, second: str, place: ProjectLocation, as_json: bool) -> None:
    """Compare two versions on the present gate rows, and say in what they differ."""
    from fullcircle.cli.model.compare import compare_models
    from fullcircle.tracking.registry.model_files import read_model

    one, two = (read_model(place.find(address)) for address in (first, second))
    facts = compare_models(
        one, two, place.load("gate_set"), place.load("params:problem"), place.load("params:gate")
    )
    answer(facts, as_json=as_json, show=as_facts)


@click.command(
    cls=Command, example="kedro model history --limit 10", then="kedro model history --verify"
)
@click.option("--verify", is_flag=True, help="Check that no entry is missing or was changed.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many of the newest.")
@click.option("--export-head", type=_FILE, help="Write the newest entry's seal to a file.")
@click.option("--head", type=_FILE, help="With --verify: an exported head, not this machine's.")
@location_options
@json_option
def history(
    verify: bool,
    limit: int | None,
    export_head: Path | None,
    head: Path | None,
    place: ProjectLocation,
    as_json: bool,
) -> None:
    """Tell every act on the registry: who, when, what, why."""
    if head is not None and not verify:
        raise click.UsageError("--head belongs to --verify.")
    if export_head is not None:
        from fullcircle.tracking.registry.verification import export_head as export

        answer(export(place.registry.journal, export_head), as_json=as_json, show=as_facts)
        return
    if verify:
        _verify(place, head, as_json=as_json)
        return
    from fullcircle.tracking.registry.actors import describe_actor

    entries = place.registry.history()[-(limit or 0) :]
    if as_json:
        answer([vars(entry) for entry in entries], as_json=True, show=as_table)
        return
    rows = [
        {
            "": entry.number,
            "when (UTC)": entry.at[:16].replace("T", " "),
            "who": describe_actor(entry.who, entry.evidence.get("actor")),
            "act": entry.act,
            "version": entry.version,
            "changed": _describe_changes({**entry.moves, **entry.changes}),
            "why": entry.why or ", ".join(entry.evidence.get("failed", [])),
        }
        for entry in entries
    ]
    answer(rows, as_json=False, show=as_table)


def _verify(place: ProjectLocation, head: Path | None, *, as_json: bool) -> None:
    """Say whether log, tags and files agree; end with a status of 1 where they do not."""
    from fullcircle.tracking.registry.copying import find_changed_files

    registry = place.registry
    faults, count = registry.verify(head), len(registry.journal.entries())
    faults += find_changed_files(registry)
    facts = {"whole": not faults, "entries": count, "faults": faults}
    said = faults or [f"The log is whole: {count} entries. Tags and files are as it says."]
    answer(facts, as_json=as_json, show=lambda _: "\n".join(said))
    if faults:
        raise click.exceptions.Exit(1)


def _describe_changes(changes: dict[str, list[str | None]]) -> str:
    return ", ".join(
        f"{name} {before or '-'} → {after or '-'}" for name, (before, after) in changes.items()
    )


@click.command(
    cls=Command,
    example="kedro model card champion --html --output card.html",
    then="kedro model reproduce champion",
)
@click.argument("version", metavar="VERSION", default="champion")
@click.option("--html", is_flag=True, help="As a page instead of Markdown.")
@click.option("--output", type=click.Path(path_type=Path), help="A file instead of the terminal.")
@location_options
@json_option
def card(
    version: str, html: bool, output: Path | None, place: ProjectLocation, as_json: bool
) -> None:
    """Write a version's card: purpose, data, scores, limits, decision, how to reproduce it."""
    from fullcircle.cli.model.compare import describe_version

    text = describe_version(place.registry, place.find(version), html=html)
    if output is not None:
        text = _write(output, text)
    click.echo(json.dumps({"card": text}) if as_json else text)


def _write(path: Path, text: str) -> str:
    """Write the card to a file, and say where it is."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"Cannot write to {path}: {error.strerror}.") from error
    return f"The card is at {path}."
