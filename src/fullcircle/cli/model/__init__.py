"""``kedro model``: look at models, decide on them, and bring them elsewhere or back."""

import click

from fullcircle.cli.command import Commands
from fullcircle.cli.model import adopt, best, manage, show, transfer

COMMANDS = (
    show.list_models,
    show.show,
    show.compare,
    show.card,
    show.history,
    best.best,
    manage.promote,
    manage.approve,
    manage.rollback,
    manage.allow,
    manage.alias,
    manage.tag,
    manage.untag,
    manage.describe,
    manage.retire,
    adopt.adopt,
    transfer.copy,
    transfer.export,
    transfer.reproduce,
)


@click.group(
    cls=Commands, example="kedro model list --problem my_problem", then="kedro model show champion"
)
def model() -> None:
    """Look at models, promote them, roll back, and prove where they came from."""


for command in COMMANDS:
    model.add_command(command)
