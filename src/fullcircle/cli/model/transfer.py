"""Bringing models to another environment, and proving where they came from."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from fullcircle.cli.command import Command, answer, confirm, json_option
from fullcircle.cli.model.manage import version_argument, why_option, yes_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.console import as_facts


@click.command(
    cls=Command,
    example="kedro model copy champion --to staging",
    then="kedro model promote challenger --env staging",
)
@version_argument
@click.option("--to", "target", required=True, help="Environment that the copy goes to.")
@why_option
@yes_option
@location_options
@json_option
def copy(
    version: str, target: str, why: str, yes: bool, place: ProjectLocation, as_json: bool
) -> None:
    """Copy the very same bytes to another environment, as a challenger for its own gate."""
    import mlflow

    from fullcircle.tracking.registry.copying import enter_copy, fetched, find_copy, find_experiment
    from fullcircle.tracking.registry.verification import find_trainer

    found, source = place.find(version), place.registry
    name, origin = f"{found.name} v{found.version}", place.env or "this environment"
    here = mlflow.get_tracking_uri()
    trainer = find_trainer(source.journal, str(found.version))
    if not yes:
        confirm(f"Copy {name} to {target}?")
    with fetched(found) as files:
        there = ProjectLocation(place.problem, place.source, target)
        registry = there.registry
        if registry.model == source.model and mlflow.get_tracking_uri() == here:
            raise click.UsageError(f"{target} is where {name} lies already.")
        if (same := find_copy(registry, found)) is not None:
            raise click.ClickException(
                f"{registry.model} v{same.version} holds the same files already. "
                f"{_format_next(same.version, target)}"
            )
        experiment = find_experiment(there.context.mlflow.tracking.experiment.name)
        number = enter_copy(registry, found, files, experiment, origin, why, trainer)
    digest = found.tags["digest"]
    mlflow.set_tracking_uri(here)
    source.record_copy(
        str(found.version), why, {"digest": digest, "to": f"{registry.model} v{number}"}
    )
    facts = {
        "copied": name,
        "to": f"{registry.model} v{number}",
        "digest": digest,
        "role": "challenger",
        "next": _format_next(number, target),
    }
    answer(facts, as_json=as_json, show=as_facts)


def _format_next(number: Any, target: str) -> str:
    return f"Let its gate decide: kedro model promote {number} --env {target}"


@click.command(
    cls=Command,
    example="kedro model export champion --output exported",
    then="mlflow models serve -m exported --env-manager uv",
)
@version_argument
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="A folder that is not there yet, or is empty.",
)
@location_options
@json_option
def export(version: str, output: Path, place: ProjectLocation, as_json: bool) -> None:
    """Write a version's files to a folder, checked against its digest, for MLflow's own tools."""
    from fullcircle.tracking.registry.copying import export_files

    found = place.find(version)
    written = export_files(found, output)
    facts = {
        "exported": f"{found.name} v{found.version}",
        "to": str(output),
        "files": len(written),
        "digest": found.tags["digest"],
        "next": f"mlflow models serve -m {output} --env-manager uv",
    }
    answer(facts, as_json=as_json, show=as_facts)


@click.command(cls=Command, example="kedro model reproduce 3", then="kedro model card 3")
@click.argument("version", metavar="VERSION", default="champion")
@click.option("--search", is_flag=True, help="Repeat the search too, not only its outcome.")
@click.option("--any-code", is_flag=True, help="Go on with other code than the recorded one.")
@location_options
@json_option
def reproduce(
    version: str, search: bool, any_code: bool, place: ProjectLocation, as_json: bool
) -> None:
    """Train a version again from what was recorded, and say whether it predicts the same."""
    from fullcircle.reproduction import rebuild

    found, context = place.find(version), place.context
    project = Path(context.project_path)
    rebuilt = rebuild(found, context.catalog, project, search=search, any_code=any_code)
    facts = {name: value for name, value in asdict(rebuilt).items() if value not in (None, [])}
    answer(facts, as_json=as_json, show=as_facts)
    if not rebuilt.identical:
        raise click.ClickException(f"{rebuilt.model} does not come out the same.")
