"""``kedro retrain``: act on what monitoring decided."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from fullcircle.cli.command import Command, answer, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.cli.parameters import read_clock
from fullcircle.console import as_facts

PIPELINES = ["data_processing", "feature_store", "training", "registry"]
_DUE = 3


@click.command(
    cls=Command,
    example="kedro retrain --dry-run",
    then="kedro model list  # shows what came of it",
)
@click.option("--as-of", help="The clock; by default that of the newest decision.")
@click.option("--force", is_flag=True, help="Train whatever the rules say; needs --why.")
@click.option("--why", help="A person's reason, for the ledger.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: end with 3 where one is due.")
@location_options
@json_option
def retrain(
    as_of: str | None,
    force: bool,
    why: str | None,
    dry_run: bool,
    exit_code: bool,
    place: ProjectLocation,
    as_json: bool,
) -> None:
    """Train again if the newest monitoring asks for it; the gate decides about the champion."""
    if force != (why is not None):
        raise click.UsageError("Give --force and --why together: a person's reason is kept.")
    if exit_code and not dry_run:
        raise click.UsageError("--exit-code belongs to --dry-run.")
    with _alone(place):
        _settle(place)
        plan = _plan(place, as_of, why)
        if dry_run or not plan.act:
            did = "would train again" if plan.act else "nothing"
            _tell(plan, {"did": f"{did} (dry run)" if dry_run else did}, as_json=as_json)
            sys.exit(_DUE if exit_code and plan.act else 0)
        talk = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
        with talk:
            facts = _train(place, plan)
        _tell(plan, facts, as_json=as_json)


@contextlib.contextmanager
def _alone(place: ProjectLocation) -> Iterator[None]:
    """Refuse a second retraining of the same model: both would train, and both be counted."""
    from fullcircle.storage.locks import LockedError, hold_lock

    path = place.catalog.get("retrainings").path.with_suffix(".lock")
    try:
        with hold_lock(path, "kedro retrain"):
            yield
    except LockedError as holder:
        raise click.ClickException(f"Not started: {holder} trains already.") from None


def _settle(place: ProjectLocation) -> None:
    """Write down what came of a retraining that was killed, so that the rules see it."""
    from fullcircle.core.retraining import find_begun

    for begun in find_begun(place.load("retrainings")):
        run = _find_run(place, begun["id"])
        decision = None if run is None else _read_decision(run)
        _write_end(place, begun, run, decision)


def _train(place: ProjectLocation, plan: Any) -> dict[str, Any]:
    """Train and gate; the ledger has a line before, and one after, whatever comes of it."""
    import uuid

    begun = {
        "id": uuid.uuid4().hex[:12],
        "state": "begun",
        "as_of": plan.as_of.moment.isoformat(),
        "promoted": False,
        "forced": plan.forced,
        "why": plan.why,
    }
    place.catalog.save("retrainings", begun)
    note = f"retraining {begun['id']}: {plan.why}"
    try:
        with place.session(as_of=str(plan.as_of), note=note) as session:
            session.run(pipeline_names=PIPELINES)
    except Exception:
        place.catalog.save("retrainings", {**begun, "state": "failed"})
        raise
    run = _find_run(place, str(begun["id"]))
    decision = None if run is None else _read_decision(run)
    if decision is None:
        raise click.ClickException("The gate has left no decision in the run of the retraining.")
    _write_end(place, begun, run, decision)
    return _describe_end(run, decision)


def _find_run(place: ProjectLocation, identity: str) -> Any:
    """Find the MLflow run of a retraining by the note that it began with."""
    from mlflow import MlflowClient

    config = place.context.config_loader["mlflow"]
    experiment = MlflowClient().get_experiment_by_name(config["tracking"]["experiment"]["name"])
    wanted = f"tags.note LIKE 'retraining {identity}:%' AND tags.`mlflow.parentRunId` IS NULL"
    found = experiment and MlflowClient().search_runs([experiment.experiment_id], wanted)
    return next(iter(found or ()), None)


def _read_decision(run: Any) -> dict[str, Any] | None:
    """Read what the gate decided in a run; None where it did not come to that."""
    import json
    import tempfile
    from pathlib import Path

    from mlflow import MlflowClient, MlflowException

    with tempfile.TemporaryDirectory() as folder:
        try:
            name = "promotion_decision.json"
            path = MlflowClient().download_artifacts(run.info.run_id, name, folder)
        except (MlflowException, OSError):
            return None
        decision: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return decision


def _write_end(
    place: ProjectLocation, begun: Mapping[str, Any], run: Any, decision: dict[str, Any] | None
) -> None:
    """Write how a retraining ended: as the gate decided, or that it did not come to that."""
    from datetime import datetime

    from fullcircle.core.retraining import ledger_line

    if decision is None:
        place.catalog.save("retrainings", {**begun, "state": "failed"})
        return
    moment = datetime.fromisoformat(begun["as_of"])
    act = ledger_line(moment, decision, why=begun["why"], forced=begun["forced"])
    line = {**act.as_dict(), "id": begun["id"], "state": "done", "run_id": run.info.run_id}
    place.catalog.save("retrainings", line)


def _describe_end(run: Any, decision: dict[str, Any]) -> dict[str, Any]:
    """Return what came of a retraining, for a person."""
    promoted = decision["promote"] is True
    facts = {
        "did": "trained again and promoted" if promoted else "trained again, not promoted",
        "challenger": decision["challenger"],
        "champion": decision["challenger"] if promoted else decision["incumbent"],
        "MLflow run": run.info.run_id,
    }
    if not promoted:
        failed = [check["name"] for check in decision["checks"] if not check["passed"]]
        facts["refused for"] = ", ".join(failed)
    return facts


def _plan(place: ProjectLocation, as_of: str | None, why: str | None) -> Any:
    """Ask the rules, with what the catalog knows now."""
    from fullcircle.core.contract import Clock
    from fullcircle.core.retraining import plan_retraining
    from fullcircle.tracking.registry.lookup import list_aliases

    clock = read_clock(as_of)
    catalog = place.catalog
    decided = catalog.exists("retrain_decision")
    return plan_retraining(
        place.load("retrain_decision") if decided else None,
        list_aliases(place.registry.model).get("champion"),
        place.load("retrainings"),
        place.load("params:retraining"),
        as_of=None if clock is None else Clock.model_validate(clock),
        force=why,
    )


def _tell(plan: Any, facts: dict[str, Any], *, as_json: bool) -> None:
    held = "; ".join(hold["told"] for hold in plan.held_back)
    said = {**facts, "as_of": str(plan.as_of), "why": plan.why, "forced": plan.forced}
    said |= {"over": held} if plan.forced and held else {}
    answer(said, as_json=as_json, show=lambda _: as_facts({n: v for n, v in said.items() if v}))
