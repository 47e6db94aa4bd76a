"""The project's commands: Kedro's own, with errors in one line, and ours."""

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS

from fullcircle.commands.alerts import alerts
from fullcircle.commands.automl import automl
from fullcircle.commands.endpoint import endpoint
from fullcircle.commands.features import features
from fullcircle.commands.model import model
from fullcircle.commands.one_line import OneLineErrors
from fullcircle.commands.package import package
from fullcircle.commands.problem import problem
from fullcircle.commands.relocate import relocate
from fullcircle.commands.rename import rename
from fullcircle.commands.replay import replay
from fullcircle.commands.retrain import retrain
from fullcircle.commands.schedule import schedule
from fullcircle.commands.serve import serve
from fullcircle.commands.stream import stream


@click.group(context_settings=CONTEXT_SETTINGS, name=__file__)
def cli() -> None:
    """Full Circle: the whole life of a tabular model."""


run = OneLineErrors(
    name="run",
    callback=kedro_run.callback,
    params=kedro_run.params,
    help="Run the whole circle, or the pipelines that you name.",
    example=(
        "kedro run",
        "PROBLEM=my_problem kedro run --params as_of=2025-04-01",
        "kedro run --pipeline monitoring",
    ),
    then="open the page and try the commands that the run ends with",
)
cli.add_command(run)
cli.add_command(alerts)
cli.add_command(automl)
cli.add_command(endpoint)
cli.add_command(features)
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
