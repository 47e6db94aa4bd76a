"""Taking a model into the registry that was not trained here."""

import os
from typing import Any

import click

from fullcircle.cli.command import Command, json_option
from fullcircle.cli.model.manage import run_gate, show_operation, why_option
from fullcircle.cli.model.options import ProjectLocation, location_options


@click.command(
    cls=Command,
    example=(
        'kedro model adopt models:/by_hand/1 --held-out "trained on last year\'s survey"',
        "kedro model adopt runs:/0123456789abcdef/model --trained-until 2025-01-31",
    ),
    then="kedro model show champion",
)
@click.argument("uri", metavar="URI")
@click.option("--trained-until", help="Date of its newest training row (contract with a history).")
@click.option("--held-out", help="How you know that no gate row taught it (contract without one).")
@click.option("--allow-code", is_flag=True, help="Load a format that runs code, such as a pickle.")
@click.option("--no-gate", is_flag=True, help="Register it as challenger, and do not decide yet.")
@why_option
@location_options
@json_option
def adopt(
    uri: str,
    trained_until: str | None,
    held_out: str | None,
    allow_code: bool,
    no_gate: bool,
    why: str,
    place: ProjectLocation,
    as_json: bool,
) -> None:
    """Adopt a model of any MLflow flavour: check it, register it, and let the gate decide."""
    number = _register(place, uri, trained_until, held_out, why, allow_code=allow_code)
    found = place.find(number)
    if allow_code:
        _allow_code(found.tags["digest"])
    if not no_gate:
        run_gate(place, found, None, as_json=as_json)
    then = f"kedro model promote {number}" if no_gate else "kedro model rollback  # takes it back"
    if allow_code:
        then = f"set ALLOW_MODEL_CODE={found.tags['digest'][:16]} wherever it is loaded"
    show_operation(place.registry.history()[-1], as_json=as_json, then=then)


def _allow_code(digest: str) -> None:
    """Allow these files to run code in this process, for the gate, beside those that may."""
    from fullcircle.tracking.registry.flavours import ALLOW_CODE

    allowed = [os.environ.get(ALLOW_CODE, ""), digest]
    os.environ[ALLOW_CODE] = ",".join(filter(None, allowed))


def _register(
    place: ProjectLocation,
    uri: str,
    trained_until: str | None,
    held_out: str | None,
    why: str,
    *,
    allow_code: bool,
) -> str:
    """Register a model as challenger, with all that ours know of themselves."""
    from fullcircle.core.training.adoption import (
        AdoptionClaims,
        check_claims,
        check_columns,
        describe_adopted,
    )
    from fullcircle.tracking.registry.adoption import adopt as adopt_model
    from fullcircle.tracking.registry.copying import find_experiment

    catalog = place.catalog
    problem = catalog.load("params:problem")
    clock = _find_clock(place)
    claims = AdoptionClaims(uri, "", _as_moment(trained_until), held_out, clock)
    check_claims(claims, problem)
    train, selection = (catalog.load(name) for name in ("train_set", "selection_set"))
    training = catalog.load("params:training")

    def describe(estimator: Any, flavour: str) -> Any:
        check_columns(estimator.columns, problem)
        known = AdoptionClaims(uri, flavour, claims.trained_until, held_out, clock)
        return describe_adopted(estimator, train, selection, problem, training, known)

    return adopt_model(
        place.registry,
        uri,
        problem.features,
        describe,
        find_experiment(place.context.mlflow.tracking.experiment.name),
        allow_code=allow_code,
        why=why,
    )


def _find_clock(place: ProjectLocation) -> str:
    """Give the clock of the newest training, or the declared one."""
    from fullcircle.tracking.registry.lookup import list_versions

    versions = list_versions(place.registry.model)
    trained = versions[0].tags.get("trained.as_of") if versions else None
    return str(trained or place.load("params:as_of"))


def _as_moment(text: str | None) -> str | None:
    from fullcircle.core.contract import Clock

    if text is None:
        return None
    try:
        return Clock.model_validate(text).moment.isoformat()
    except ValueError as error:
        raise click.UsageError(f"--trained-until {text!r} is no date: write 2025-03-01.") from error
