"""The project's commands: Kedro's own, with errors in one line, and ours."""

from copy import copy
from typing import Any

import click
from kedro.framework.cli.jupyter import jupyter_cli
from kedro.framework.cli.project import ipython
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS

from fullcircle.cli.alerts import alerts
from fullcircle.cli.automl import automl
from fullcircle.cli.backtest import replay
from fullcircle.cli.command import Command
from fullcircle.cli.endpoint import endpoint
from fullcircle.cli.extras import find_absent, require_packages
from fullcircle.cli.features import features
from fullcircle.cli.maintain import maintain
from fullcircle.cli.model import model
from fullcircle.cli.package import package
from fullcircle.cli.parameters import split_parameters
from fullcircle.cli.problem import problem
from fullcircle.cli.relocate import relocate
from fullcircle.cli.rename import rename
from fullcircle.cli.retrain import retrain
from fullcircle.cli.schedule import schedule
from fullcircle.cli.serve import serve
from fullcircle.cli.stream import stream

_OF_PACKAGES = {"viz": ("viz", "kedro_viz"), "airflow": ("airflow", "kedro_airflow")}


@click.group(context_settings=CONTEXT_SETTINGS, name=__file__)
def cli() -> None:
    """Full Circle: the whole life of a tabular model."""


def _list_options() -> list[click.Parameter]:
    """Return the options of Kedro's own command, of which ``--params`` is read more strictly."""
    options = [copy(option) for option in kedro_run.params]
    for option in options:
        if option.name == "params":
            option.callback = split_parameters
    return options


def _run(**options: Any) -> Any:
    """Run by Kedro, with a runner that the tables allow; nodes may go without their pipeline."""
    from fullcircle.cli.node_names import resolve_node_names
    from fullcircle.hooks.runners import choose_runner

    assert kedro_run.callback is not None  # noqa: S101 - a command of Kedro has one
    return kedro_run.callback(**choose_runner(resolve_node_names(options)))


run = Command(
    name="run",
    callback=_run,
    params=_list_options(),
    help="Run all pipelines, or the pipelines that you name.",
    example=(
        "kedro run",
        "PROBLEM=my_problem kedro run --params as_of=2025-04-01",
        "kedro run --pipeline monitoring",
    ),
    then="open the page and try the commands that the run ends with",
)
cli.add_command(run)
cli.add_command(
    require_packages(
        jupyter_cli.commands["jupyter"], "notebook", ("jupyterlab", "notebook", "ipykernel")
    )
)
cli.add_command(require_packages(ipython, "notebook", ("IPython",)))
for absent in find_absent(_OF_PACKAGES).values():
    cli.add_command(absent)
cli.add_command(alerts)
cli.add_command(automl)
cli.add_command(endpoint)
cli.add_command(features)
cli.add_command(maintain)
cli.add_command(model)
cli.add_command(package)
cli.add_command(replay)
cli.add_command(retrain)
cli.add_command(problem)
cli.add_command(relocate)
cli.add_command(rename)
cli.add_command(schedule)
cli.add_command(serve)
cli.add_command(stream)
