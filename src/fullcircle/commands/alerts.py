"""``kedro alerts``: what is wrong now, and whether the channels work."""

import sys

import click

from fullcircle.commands.model.opening import Place, place_options
from fullcircle.commands.one_line import OneLineErrors, answer, as_table, json_option


@click.group()
def alerts() -> None:
    """See what is wrong now, and try the channels."""


@alerts.command(name="list", cls=OneLineErrors)
@place_options
@json_option
def list_open(place: Place, as_json: bool) -> None:
    """List what was wrong in the newest window that was monitored."""
    rows = place.load("alerts")["open"]
    answer(rows, as_json=as_json, show=as_table)


@alerts.command(name="test", cls=OneLineErrors)
@place_options
@json_option
def try_channels(place: Place, as_json: bool) -> None:
    """Send a word to every channel, and say which took it; ends with 1 where one did not."""
    results = place.context.catalog.get("alerts").try_channels()
    if not results:
        raise click.ClickException(
            "No channel is declared: list addresses in conf/local/credentials.yml and name their "
            "key in FULLCIRCLE_ALERT_CHANNELS."
        )
    rows = [{"channel": name, "result": told or "taken"} for name, told in results.items()]
    answer(rows, as_json=as_json, show=as_table)
    sys.exit(1 if any(results.values()) else 0)
