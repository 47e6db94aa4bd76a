"""``kedro replay``: all pipelines over history, as it would have happened."""

import os
from collections.abc import Mapping
from typing import Any

import click

from fullcircle.cli.command import Command, answer, json_option
from fullcircle.cli.model.options import ProjectLocation, location_options
from fullcircle.cli.parameters import split_parameters
from fullcircle.console import as_table


@click.command(
    cls=Command,
    example="kedro replay --from 2025-01-01 --to 2025-05-01 --every 1m",
    then="open the page whose path it prints",
)
@click.option("--from", "first", required=True, help="First day, as 2025-01-01.")
@click.option("--to", "last", required=True, help="The day before which it ends.")
@click.option(
    "--every", default="7d", show_default=True, help="Length of a window: 1d, 7d, 2w, 1m."
)
@click.option("--name", help="Name of its folder; by default it is named for the span.")
@click.option(
    "--trials", type=click.IntRange(min=0), default=4, show_default=True, help="Of the one search."
)
@click.option("--afresh", is_flag=True, help="Begin again what was begun under this name.")
@click.option("--params", default="", callback=split_parameters, help="As in kedro run --params.")
@location_options
@json_option
def replay(place: ProjectLocation, params: dict[str, Any], as_json: bool, **asked: Any) -> None:
    """Run all pipelines over history: what the rules would have done, and what it was worth.

    Each window is scored, watched and followed by a training as it would have been, with the
    labels known by then; beside it, never training again and always doing so. A replay that was
    cut short goes on where it stopped. The project's own models and predictions are not touched.
    """
    from fullcircle.backtest import BacktestRequest, open_backtest
    from fullcircle.backtest.report import draw_page, report_replay
    from fullcircle.hooks.progress import show_steps
    from fullcircle.reporting.figures.backtest import draw_replay

    place.parameters = params
    opened = open_backtest(place.context, BacktestRequest(**asked))
    with show_steps(len(opened.windows)) as tell:
        lines = opened.run(tell)
        settings = place.load("params:performance")
        report = report_replay(opened, lines, settings)
        opened.folder.write_report(report, draw_page(report, draw_replay(report)))
    report["page"] = os.path.relpath(opened.folder.path / "replay.html")
    answer(report, as_json=as_json, show=_as_panel)


def _as_panel(report: Mapping[str, Any]) -> Any:
    from rich.console import Group
    from rich.text import Text

    rows = [_as_row(line) for line in report["windows"]]
    story = [Text(f"- {sentence}") for sentence in report["story"]]
    note = Text("gain: of the rules over never training again; * is a sure one", style="dim")
    page = Text(f"\n{report['page']}", no_wrap=True, overflow="ignore")
    return Group(as_table(rows), note, Text(), *story, page)


def _as_row(line: Mapping[str, Any]) -> dict[str, str]:
    scores, gains = line["scores"], line["gains"]
    facts = {
        "window": line["window"],
        "rows": f"{line['rows']:,}" if line["rows"] else "no rows",
        "known": f"{line['labelled']:,}",
    }
    for policy in ("rules", "never", "always"):
        facts[policy] = f"{scores[policy]['value']:.4f}" if scores else ""
    gain = gains["rules over never"] if gains else None
    facts["gain"] = f"{gain['value']:+.4f}{_is_sure(gain)}" if gain else ""
    facts["alerts"] = str(sum(n["state"] != "over" for n in line["notices"]) or "")
    act = line["retrained"]
    done = "promoted" if act and act["promoted"] else "refused" if act else ""
    facts["trained"] = done or ", ".join(line.get("held_back", ()))
    return facts


def _is_sure(gain: Mapping[str, float]) -> str:
    return "*" if gain["low"] > 0 or gain["high"] < 0 else ""
