"""Asking a person what a table leaves open; without a person, the evidence decides or it stops."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import click

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.questions import Choice, Decision, Question, merge_settings
from fullcircle.ingestion import ReadOptions, Source, open_source
from fullcircle.ingestion.inference import Proposal, Wishes

_MOST_STOPS = 3
_MOST_ROUNDS = 6


def has_terminal() -> bool:
    """Tell whether there is a person to ask."""
    return sys.stdin.isatty()


@dataclass
class Asker:
    """Settles what is open, and remembers what was decided.

    Attributes:
        yes: Whether nothing is to be asked.
        dry_run: Whether the defaults are taken, and the questions only shown.
        decisions: What was decided so far.
        options: How the source was read in the end.
    """

    yes: bool = False
    dry_run: bool = False
    decisions: list[Decision] = field(default_factory=list)
    options: ReadOptions = field(default_factory=ReadOptions)

    def decide(self, questions: Sequence[Question]) -> list[Choice]:
        """Return one choice for each question.

        In a terminal a person chooses. Without one the default is taken where the evidence for it
        is strong.

        Raises:
            ConfigurationError: The evidence is weak and there is no one to ask: names the options.
            Abort: The person gave up.
        """
        asks = has_terminal() and not self.yes and not self.dry_run
        weak = [each for each in questions if each.strength == "weak"]
        if weak and not asks and not self.dry_run:
            raise ConfigurationError(" ".join(each.describe() for each in weak[:_MOST_STOPS]))
        chosen = []
        for question in questions:
            choice = _ask(question) if asks else question.choices[0]
            self.decisions.append(Decision(question, choice, by_user=asks))
            chosen.append(choice)
        return chosen

    @contextmanager
    def keeping_answers(self) -> Iterator[None]:
        """Say how to give the answers again where a person breaks off: nothing is lost."""
        try:
            yield
        except (click.Abort, KeyboardInterrupt):
            if said := [each.choice.written for each in self.decisions if each.by_user]:
                click.echo(
                    "\nNothing was written. To go on from here, say the same with "
                    + " ".join(dict.fromkeys(said))
                )
            raise

    def open(self, address: str, options: ReadOptions) -> Source:
        """Open a source, and again where an answer reads it otherwise."""
        for _ in range(_MOST_ROUNDS):
            source = open_source(address, options)
            open_ones = self._find_new(source.questions)
            chosen = self.decide(open_ones)
            said = [each.choice for each in self.decisions if each.by_user]
            self.options = options = replace(options, **merge_settings({}, said))
            if not any(_differs(*pair) for pair in zip(open_ones, chosen, strict=True)):
                break
        return source

    def propose(self, wishes: Wishes, propose: Callable[[Wishes], Proposal]) -> Proposal:
        """Make a proposal, and again where an answer changes it.

        Args:
            wishes: What the user says.
            propose: Makes the proposal.
        """
        for _ in range(_MOST_ROUNDS):
            proposal = propose(wishes)
            open_ones = self._find_new(proposal.questions)
            if not open_ones:
                break
            chosen = self.decide(open_ones)
            if not any(_differs(*pair) for pair in zip(open_ones, chosen, strict=True)):
                break
            given: dict[str, Any] = {name: getattr(wishes, name) for name in Wishes.model_fields}
            wishes = Wishes.model_validate(merge_settings(given, chosen))
        return proposal

    def _find_new(self, questions: Sequence[Question]) -> list[Question]:
        known = {each.question.asked for each in self.decisions}
        return [each for each in questions if each.asked not in known]


def _differs(question: Question, choice: Choice) -> bool:
    return choice is not question.choices[0]


def _ask(question: Question) -> Choice:
    click.echo(question.asked)
    for number, choice in enumerate(question.choices, start=1):
        click.echo(f"  {number}  {choice.preview}  ({choice.written})")
    place = click.prompt("Which", type=click.IntRange(1, len(question.choices)), default=1)
    return question.choices[int(place) - 1]
