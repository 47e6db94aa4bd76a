"""``kedro alerts``: what is wrong now, and whether the channels work."""

import sys

import click

from fullcircle.cli.command import Command, Commands, answer, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.console import as_table


@click.group(
    cls=Commands,
    example="kedro alerts list --problem my_problem",
    then="docs/retraining.md says how a channel is declared",
)
def alerts() -> None:
    """See what is wrong now, and try the channels."""


@alerts.command(
    name="list",
    cls=Command,
    example="kedro alerts list --json",
    then="kedro retrain --dry-run  # says whether a training is due",
)
@location_options
@json_option
def list_open(place: ProjectLocation, as_json: bool) -> None:
    """List what was wrong in the newest window that was monitored."""
    rows = place.load("alerts")["open"]
    answer(rows, as_json=as_json, show=as_table)


@alerts.command(
    name="test",
    cls=Command,
    example="FULLCIRCLE_ALERT_CHANNELS=alert_channels kedro alerts test",
    then="kedro run --pipeline monitoring  # tells them what is wrong",
)
@location_options
@json_option
def try_channels(place: ProjectLocation, as_json: bool) -> None:
    """Send a word to every channel, and say which took it; ends with 1 where one did not.

    It also says which channel was declared after alerts that are still open: the next monitoring
    run tells it of them.
    """
    alerts_ = place.catalog.get("alerts")
    results, missed = alerts_.try_channels(), alerts_.list_newcomers()
    if not results:
        raise click.ClickException(
            "No channel is declared: list addresses in conf/local/credentials.yml and name their "
            "key in FULLCIRCLE_ALERT_CHANNELS."
        )
    rows = [
        {
            "channel": name,
            "result": told or "taken",
            "told later": _describe_missed(missed.get(name, 0)),
        }
        for name, told in results.items()
    ]
    if not any(row["told later"] for row in rows):
        rows = [{name: row[name] for name in ("channel", "result")} for row in rows]
    answer(rows, as_json=as_json, show=as_table)
    sys.exit(1 if any(results.values()) else 0)


def _describe_missed(number: int) -> str:
    """Say what a channel has missed that was declared after alerts were told."""
    if not number:
        return ""
    alerts_ = "1 open alert is" if number == 1 else f"{number} open alerts are"
    return f"{alerts_} older than this channel: the next monitoring run tells it"
