"""``kedro model``: look at models, decide on them, and bring them elsewhere or back."""

import click

from fullcircle.commands.model import acting, adopting, looking, moving, ranking
from fullcircle.commands.one_line import Commands

COMMANDS = (
    looking.list_models,
    looking.show,
    looking.compare,
    looking.card,
    looking.history,
    ranking.best,
    acting.promote,
    acting.approve,
    acting.rollback,
    acting.allow,
    acting.alias,
    acting.tag,
    acting.untag,
    acting.describe,
    acting.retire,
    adopting.adopt,
    moving.copy,
    moving.export,
    moving.reproduce,
)


@click.group(
    cls=Commands, example="kedro model list --problem my_problem", then="kedro model show champion"
)
def model() -> None:
    """Look at models, promote them, roll back, and prove where they came from."""


for command in COMMANDS:
    model.add_command(command)
