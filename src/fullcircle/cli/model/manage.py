"""Acts on the models of a problem; each is written to the registry's log."""

import contextlib
import sys
from typing import Any

import click

from fullcircle.cli.command import Command, answer, confirm, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.console import as_facts

version_argument = click.argument("version", metavar="VERSION")
why_option = click.option("--why", default="", help="The reason, for the log.")
needed_why_option = click.option("--why", required=True, help="The reason, for the log.")
on_model_option = click.option(
    "--on-model", is_flag=True, help="Tags of the registered model, instead of one version's."
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def show_operation(entry: Any, *, as_json: bool, then: str = "") -> None:
    """Say what was done and how the roles stand now."""
    from fullcircle.tracking.registry.lookup import list_aliases

    facts = {
        "did": f"{entry.act} {f'v{entry.version}' if entry.version else ''}".strip(),
        "model": entry.model,
        "changed": {**_as_changes(entry.moves, "nobody"), **_as_changes(entry.changes, "not set")},
        "roles": {alias: f"v{v}" for alias, v in sorted(list_aliases(entry.model).items())},
        "why": entry.why,
        "log": f"entry {entry.number}",
        **({"next": then} if then else {}),
    }
    shown = {name: value for name, value in facts.items() if value}
    answer(facts, as_json=as_json, show=lambda _: as_facts(shown))


@click.command(
    cls=Command,
    example='kedro model promote 3 --why "better on the new region"',
    then='kedro model rollback --why "complaints"  # takes it back',
)
@version_argument
@click.option("--as-of", help="The clock; by default that of the newest training.")
@why_option
@location_options
@json_option
def promote(
    version: str, as_of: str | None, why: str, place: ProjectLocation, as_json: bool
) -> None:
    """Let the gate compare a version with the champion, and promote it if it passes."""
    from fullcircle.tracking.registry.lookup import list_aliases

    found = place.find(version)
    number, registry = str(found.version), place.registry
    roles = list_aliases(registry.model)
    if roles.get("champion") == number:
        raise click.ClickException(f"{registry.model} v{number} is the champion already.")
    if why or roles.get("challenger") != number:
        registry.move_alias("challenger", number, why=why or "to be promoted")
    run_gate(place, found, as_of, as_json=as_json)
    show_operation(
        registry.history()[-1], as_json=as_json, then="kedro model rollback  # takes it back"
    )


def _as_changes(changes: dict[str, list[str | None]], absent: str) -> dict[str, str]:
    """Word what moved or changed; of a role that nobody has, or a tag that is not set."""
    return {
        name: f"{absent if before is None else before} → {absent if after is None else after}"
        for name, (before, after) in changes.items()
    }


def run_gate(place: ProjectLocation, version: Any, as_of: str | None, *, as_json: bool) -> None:
    """Let the gate compare a version, which must be the challenger, with the champion.

    Raises:
        ClickException: The gate refused it.
    """
    from fullcircle.tracking.registry.lookup import list_aliases

    registry, number = place.registry, str(version.version)
    clock = as_of or _find_clock(place, version)
    talk = contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()
    with talk, place.session(as_of=clock) as session:
        session.run(pipeline_names=["registry"])
    if (champion := list_aliases(registry.model).get("champion")) != number:
        reasons = "; ".join(place.load("promotion_decision")["reasons"])
        raise click.ClickException(
            f"The gate refused v{number}; the champion stays v{champion}. {reasons}."
        )


def _find_clock(place: ProjectLocation, version: Any) -> str:
    """Find the clock at which the stored gate rows were made, or the newest model where none is."""
    from fullcircle.tracking.registry.lookup import list_versions

    rows = place.catalog.get("gate_set")
    if rows.exists() and (made_by := rows.made_by()) and not made_by.is_by_hand:
        return str(made_by.as_of)
    newest = list_versions(place.registry.model)[0].tags
    return str(max(tags.get("trained.as_of", "") for tags in (newest, version.tags)))


@click.command(
    cls=Command,
    example='kedro model approve 3 --why "the card was read"',
    then="kedro model promote 3",
)
@version_argument
@needed_why_option
@location_options
@json_option
def approve(version: str, why: str, place: ProjectLocation, as_json: bool) -> None:
    """Approve of a version, as a person; the gate then may promote it where it asks for that."""
    number = str(place.find(version).version)
    entry = place.registry.approve(number, why)
    show_operation(entry, as_json=as_json, then=f"kedro model promote {number}")


@click.command(
    cls=Command,
    example='kedro model allow 3 --why "the complaints were about prices"',
    then="kedro model promote 3",
)
@version_argument
@needed_why_option
@location_options
@json_option
def allow(version: str, why: str, place: ProjectLocation, as_json: bool) -> None:
    """Allow a version that was rolled back, or is like one that was, to be champion again."""
    number = str(place.find(version).version)
    entry = place.registry.allow(number, why)
    show_operation(entry, as_json=as_json, then=f"kedro model promote {number}")


@click.command(
    cls=Command,
    example='kedro model rollback --why "complaints"',
    then="kedro model list  # shows who is champion now",
)
@why_option
@location_options
@json_option
def rollback(why: str, place: ProjectLocation, as_json: bool) -> None:
    """Give the role of champion back to the version before."""
    from fullcircle.pipelines.registry.nodes import build_reference_profile
    from fullcircle.tracking.registry.lookup import find_by_alias
    from fullcircle.tracking.registry.model_files import read_model

    registry, catalog = place.registry, place.catalog
    registry.recover()
    target = find_by_alias(registry.model, "previous")
    model = target and read_model(target)  # refuses one whose files are not what they were
    entry = registry.rollback(why)
    profile = build_reference_profile(model, catalog.load("params:problem"))
    catalog.save("reference_profile", profile)
    show_operation(entry, as_json=as_json, then="monitoring compares with its profile again")


@click.command(
    cls=Command,
    example=("kedro model alias shadow 3", "kedro model alias shadow --delete"),
    then="kedro model list",
)
@click.argument("alias", metavar="ALIAS")
@click.argument("version", metavar="VERSION", required=False)
@click.option("--delete", is_flag=True, help="Take the alias away.")
@why_option
@location_options
@json_option
def alias(
    alias: str, version: str | None, delete: bool, why: str, place: ProjectLocation, as_json: bool
) -> None:
    """Give an alias to a version, or take it away: kedro model alias shadow 3."""
    if (version is None) != delete:
        raise click.UsageError("Give either a version or --delete.")
    number = str(place.find(version).version) if version else None
    show_operation(place.registry.move_alias(alias, number, why), as_json=as_json)


@click.command(
    cls=Command,
    example=("kedro model tag champion team=sales", "kedro model tag --on-model domain=churn"),
    then="kedro model show champion",
)
@click.argument("words", metavar="[VERSION] NAME=VALUE...", nargs=-1, required=True)
@on_model_option
@why_option
@location_options
@json_option
def tag(
    words: tuple[str, ...], on_model: bool, why: str, place: ProjectLocation, as_json: bool
) -> None:
    """Tag a version, or the registered model that all versions belong to."""
    version, tags = _split_words(words, on_model=on_model)
    pairs = [text.partition("=") for text in tags]
    if wrong := [name for name, sign, _ in pairs if not (name and sign)]:
        raise click.UsageError(f"A tag is NAME=VALUE, which {wrong[0]!r} is not.")
    given: dict[str, str | None] = {name: value for name, _, value in pairs}
    number = None if version is None else str(place.find(version).version)
    show_operation(place.registry.tag(number, given, why), as_json=as_json)


@click.command(
    cls=Command,
    example=("kedro model untag champion team", "kedro model untag --on-model domain"),
    then="kedro model show champion",
)
@click.argument("words", metavar="[VERSION] NAME...", nargs=-1, required=True)
@on_model_option
@why_option
@location_options
@json_option
def untag(
    words: tuple[str, ...], on_model: bool, why: str, place: ProjectLocation, as_json: bool
) -> None:
    """Take tags off a version, or off the registered model."""
    version, names = _split_words(words, on_model=on_model)
    number = None if version is None else str(place.find(version).version)
    show_operation(place.registry.tag(number, dict.fromkeys(names), why), as_json=as_json)


def _split_words(words: tuple[str, ...], *, on_model: bool) -> tuple[str | None, tuple[str, ...]]:
    """Take the version from before the tags, where a version is tagged."""
    if on_model:
        return None, words
    if len(words) < 2:
        raise click.UsageError("Give a version and its tags, or --on-model and those of the model.")
    return words[0], words[1:]


@click.command(
    cls=Command,
    example='kedro model describe 3 "First with the new tariff"',
    then="kedro model show 3",
)
@version_argument
@click.argument("text")
@location_options
@json_option
def describe(version: str, text: str, place: ProjectLocation, as_json: bool) -> None:
    """Write a version's description."""
    number = str(place.find(version).version)
    show_operation(place.registry.describe(number, text), as_json=as_json)


@click.command(
    cls=Command,
    example='kedro model retire 3 --why "learnt from wrong labels"',
    then="kedro model list",
)
@version_argument
@needed_why_option
@yes_option
@location_options
@json_option
def retire(version: str, why: str, yes: bool, place: ProjectLocation, as_json: bool) -> None:
    """Take a version out of use for good; its files stay."""
    number, registry = str(place.find(version).version), place.registry
    if not yes:
        confirm(f"Retire {registry.model} v{number}? It can get no role again.")
    show_operation(registry.retire(number, why), as_json=as_json)
