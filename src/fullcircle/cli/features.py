"""``kedro features``: look at feature tables, publish them, keep them tidy, follow them."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from fullcircle.cli.command import Command, Commands, answer, json_option
from fullcircle.cli.project import open_project
from fullcircle.console import as_facts, as_table


@click.group(cls=Commands, example="kedro features list", then="kedro features describe TABLE")
def features() -> None:
    """Look at feature tables, publish them, keep them tidy, and follow them to models."""


def _declared_tables(context: Any) -> dict[str, Any]:
    tables: dict[str, Any] = context.catalog.get("feature_tables").tables
    return tables


def _chosen(tables: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Take the named tables, or all where none is named; each must have been computed."""
    from fullcircle.cli.feature_lineage import require_table

    chosen = {n.rpartition(".")[2]: require_table(tables, n) for n in names} if names else tables
    for table in chosen.values():
        table.load()
    return chosen


@features.command(
    name="list",
    cls=Command,
    example="kedro features list",
    then="kedro features describe TABLE",
)
@json_option
def list_tables(as_json: bool) -> None:
    """List the feature tables of the chosen problem."""
    tables = _declared_tables(open_project())
    rows = [
        {
            "table": table.name,
            "keys": table.declared.keys,
            "event_time": table.declared.event_time,
            "version": table.data_version() or "not computed yet",
            "rows": int(table.load().rows.count().execute()) if table.exists() else 0,
        }
        for table in tables.values()
    ]
    answer(rows, as_json=as_json, show=as_table)


@features.command(
    cls=Command,
    example="kedro features describe TABLE",
    then="kedro features lineage --table TABLE  # says who uses it",
)
@click.argument("table")
@json_option
def describe(table: str, as_json: bool) -> None:
    """Describe one table: columns, keys, times, owner, span, and who wrote it last."""
    chosen = _chosen(_declared_tables(open_project()), (table,))
    dataset = next(iter(chosen.values()))
    rows, declared = dataset.load().rows, dataset.declared
    facts: dict[str, Any] = {
        "name": dataset.name,
        **declared.model_dump(),
        "version": dataset.data_version(),
        "written": dataset.history(1)[0],
        "rows": int(rows.count().execute()),
        "columns": {name: str(kind) for name, kind in rows.schema().items()},
    }
    if declared.event_time:
        moment = rows[declared.event_time]
        first, last = rows.aggregate(first=moment.min(), last=moment.max()).execute().iloc[0]
        facts |= {"first": str(first), "last": str(last)}
    answer(facts, as_json=as_json, show=as_facts)


@features.command(
    cls=Command,
    example="kedro features history TABLE",
    then="kedro features maintain  # tidies old versions away",
)
@click.argument("table")
@json_option
def history(table: str, as_json: bool) -> None:
    """List the versions of one table, newest first."""
    chosen = _chosen(_declared_tables(open_project()), (table,))
    answer(next(iter(chosen.values())).history(), as_json=as_json, show=as_table)


@features.command(
    cls=Command,
    example="kedro features maintain --retention-days 30",
    then="kedro features list",
)
@click.argument("tables", nargs=-1)
@click.option(
    "--retention-days",
    type=click.FloatRange(min=0),
    default=7.0,
    show_default=True,
    help="Keep the files of versions younger than this.",
)
@json_option
def maintain(tables: tuple[str, ...], retention_days: float, as_json: bool) -> None:
    """Compact small files and delete those that no recent version needs."""
    chosen = _chosen(_declared_tables(open_project()), tables)
    done = [{"table": name, **t.maintain(retention_days)} for name, t in chosen.items()]
    answer(done, as_json=as_json, show=as_table)


@features.command(
    cls=Command,
    example="kedro features publish --check",
    then="kedro serve  # answers from what was published",
)
@click.argument("tables", nargs=-1)
@click.option("--force", is_flag=True, help="Publish versions that are published already.")
@click.option("--check", is_flag=True, help="Compare the online rows with the tables afterwards.")
@json_option
def publish(tables: tuple[str, ...], force: bool, check: bool, as_json: bool) -> None:
    """Push the newest row of each key to the online store."""
    context = open_project()
    chosen = _chosen(_declared_tables(context), tables)
    address = _online_address(context)
    done = [_publish(address, name, t, force, check) for name, t in chosen.items()]
    answer(done, as_json=as_json, show=as_table)


def _online_address(context: Any) -> str:
    """Address of the online store; a relative path lies below the project."""
    address = str(context.config_loader["globals"]["online_store"])
    return address if "://" in address else str(Path(context.project_path) / address)


def _publish(address: str, name: str, table: Any, force: bool, check: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from fullcircle.engines.engine import stream_rows
    from fullcircle.storage.online import compare_online_offline, open_store, publish_table

    keyed = table.load()
    with closing(open_store(address)) as store:
        counts = publish_table(
            store,
            name,
            stream_rows(keyed.rows),
            keyed.declared,
            version=int(table.data_version().removeprefix("v")),
            force=force,
        )
        facts: dict[str, Any] = {"table": name, **asdict(counts)}
        if check:
            agreement = compare_online_offline(store, name, stream_rows(keyed.rows), keyed.declared)
            facts["agrees"] = agreement.holds
    return facts


@features.command(
    cls=Command,
    example=(
        "kedro features lineage --table TABLE",
        "kedro features lineage --model models:/NAME@champion",
    ),
    then="kedro model show champion",
)
@click.option("--table", help="A feature table: which models use it?")
@click.option("--feature", help="One of its columns.")
@click.option("--model", help="models:/name@alias or models:/name/version: what was it made of?")
@json_option
def lineage(table: str | None, feature: str | None, model: str | None, as_json: bool) -> None:
    """Follow a table or feature to the models that use it, or a model to what made it."""
    from fullcircle.cli.feature_lineage import find_users, require_table, trace_model

    if (table is None) == (model is None):
        raise click.UsageError("Give either --table (with or without --feature) or --model.")
    context = open_project()
    if model is not None:
        catalog = context.catalog
        datasets = {name: catalog.get(name) for name in catalog if not name.startswith("param")}
        answer(trace_model(model, datasets), as_json=as_json, show=as_facts)
        return
    require_table(_declared_tables(context), str(table))
    users = find_users(str(table).rpartition(".")[2], feature)
    answer(users, as_json=as_json, show=as_table)
