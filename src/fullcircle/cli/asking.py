"""Asking a person what a table leaves open."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from fullcircle.core.questions import Choice, Question
from fullcircle.ingestion.decisions import Decider


def has_terminal() -> bool:
    """Tell whether there is a person to ask."""
    return sys.stdin.isatty()


@contextmanager
def deciding(*, yes: bool, dry_run: bool = False) -> Iterator[Decider]:
    """Give what decides open choices: a person in a terminal, else the evidence.

    Where the person breaks off, the answers given so far are printed as options: nothing is lost.

    Args:
        yes: Whether nothing is to be asked.
        dry_run: Whether the defaults are taken, and the questions only shown.
    """
    decider = Decider(ask if has_terminal() and not yes else None, dry_run)
    try:
        yield decider
    except (click.Abort, KeyboardInterrupt):
        if said := dict.fromkeys(each.written for each in decider.answers):
            click.echo(
                f"\nNothing was written. To go on from here, say the same with {' '.join(said)}"
            )
        raise


def ask(question: Question) -> Choice:
    """Return what a person in the terminal chooses."""
    click.echo(question.asked)
    for number, choice in enumerate(question.choices, start=1):
        click.echo(f"  {number}  {choice.preview}  ({choice.written})")
    place = click.prompt("Which", type=click.IntRange(1, len(question.choices)), default=1)
    return question.choices[int(place) - 1]
