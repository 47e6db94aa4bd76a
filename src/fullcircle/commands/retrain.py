"""``kedro retrain``: act on what monitoring decided."""

import contextlib
import sys
from typing import Any

import click

from fullcircle.commands.model.opening import Place, place_options
from fullcircle.commands.one_line import OneLineErrors, answer, json_option
from fullcircle.commands.parameters import read_clock
from fullcircle.terminal import as_facts

PIPELINES = ["data_processing", "feature_store", "training", "registry"]
_DUE = 3


@click.command(
    cls=OneLineErrors,
    example="kedro retrain --dry-run",
    then="kedro model list  # shows what came of it",
)
@click.option("--as-of", help="The clock; by default that of the newest decision.")
@click.option("--force", is_flag=True, help="Train whatever the rules say; needs --why.")
@click.option("--why", help="A person's reason, for the ledger.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--exit-code", is_flag=True, help="With --dry-run: end with 3 where one is due.")
@place_options
@json_option
def retrain(
    as_of: str | None,
    force: bool,
    why: str | None,
    dry_run: bool,
    exit_code: bool,
    place: Place,
    as_json: bool,
) -> None:
    """Train again if the newest monitoring asks for it; the gate decides about the champion."""
    if force != (why is not None):
        raise click.UsageError("Give --force and --why together: a person's reason is kept.")
    if exit_code and not dry_run:
        raise click.UsageError("--exit-code belongs to --dry-run.")
    plan = _plan(place, as_of, why)
    if dry_run or not plan.act:
        did = "would train again" if plan.act else "nothing"
        _tell(plan, {"did": f"{did} (dry run)" if dry_run else did}, as_json=as_json)
        sys.exit(_DUE if exit_code and plan.act else 0)
    talk = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    with talk, place.session(as_of=str(plan.as_of), note=f"retraining: {plan.why}") as session:
        session.run(pipeline_names=PIPELINES)
    _tell(plan, _keep(place, plan), as_json=as_json)


def _plan(place: Place, as_of: str | None, why: str | None) -> Any:
    """Ask the rules, with what the catalog knows now."""
    from fullcircle.core.contract import Clock
    from fullcircle.core.retraining import plan_retraining
    from fullcircle.registry.addresses import list_aliases

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


def _keep(place: Place, plan: Any) -> dict[str, Any]:
    """Write what was done into the ledger, and say what came of it."""
    from fullcircle.core.retraining import note_retraining
    from fullcircle.registry.addresses import find_by_alias

    decision = place.load("promotion_decision")
    act = note_retraining(plan.as_of.moment, decision, why=plan.why, forced=plan.forced)
    trained = find_by_alias(place.registry.model, "challenger")
    run_id = None if trained is None else trained.run_id
    place.catalog.save("retrainings", {**act.as_dict(), "run_id": run_id})
    facts = {
        "did": "trained again and promoted" if act.promoted else "trained again, not promoted",
        "challenger": act.challenger,
        "champion": act.challenger if act.promoted else act.incumbent,
        "MLflow run": run_id,
    }
    if not act.promoted:
        failed = [check["name"] for check in decision["checks"] if not check["passed"]]
        facts["refused for"] = ", ".join(failed)
    return facts


def _tell(plan: Any, facts: dict[str, Any], *, as_json: bool) -> None:
    held = "; ".join(hold["told"] for hold in plan.held_back)
    said = {**facts, "as_of": str(plan.as_of), "why": plan.why, "forced": plan.forced}
    said |= {"over": held} if plan.forced and held else {}
    answer(said, as_json=as_json, show=lambda _: as_facts({n: v for n, v in said.items() if v}))
