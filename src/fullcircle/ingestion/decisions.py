"""Deciding what a table leaves open: by a person, or by the evidence where it is strong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fullcircle.core.errors import ConfigurationError
from fullcircle.core.questions import Choice, Decision, Question, merge_settings
from fullcircle.ingestion.inference import ProblemOptions, Proposal
from fullcircle.ingestion.options import ReadOptions
from fullcircle.ingestion.source import Source
from fullcircle.ingestion.sources import open_source

_MOST_STOPS = 3
_MOST_ROUNDS = 8


@dataclass
class Decider:
    """Decides what is open, and remembers it.

    Attributes:
        prompt: Asks a person; None where there is none.
        dry_run: Whether the defaults are taken however weak the evidence is.
        decisions: What was decided so far.
        options: How the source was read in the end.
    """

    prompt: Callable[[Question], Choice] | None = None
    dry_run: bool = False
    decisions: list[Decision] = field(default_factory=list)
    options: ReadOptions = field(default_factory=ReadOptions)

    @property
    def answers(self) -> list[Choice]:
        """What a person chose so far."""
        return [each.choice for each in self.decisions if each.by_user]

    def decide(self, questions: Sequence[Question]) -> list[Choice]:
        """Return one choice for each question: a person's, or the default.

        Raises:
            ConfigurationError: There is no person, and the evidence for a default is weak: names
                the options that decide.
        """
        weak = [each for each in questions if each.strength == "weak"]
        if weak and self.prompt is None and not self.dry_run:
            raise ConfigurationError(" ".join(each.describe() for each in weak[:_MOST_STOPS]))
        chosen = []
        for question in questions:
            asks = self.prompt is not None and not self.dry_run
            choice = self.prompt(question) if self.prompt and asks else question.choices[0]
            self.decisions.append(Decision(question, choice, by_user=asks))
            chosen.append(choice)
        return chosen

    def open(self, address: str, options: ReadOptions) -> Source:
        """Open a source, and again where an answer reads it otherwise.

        Raises:
            ConfigurationError: What it leaves open stays open.
        """
        for _ in range(_MOST_ROUNDS):
            source = open_source(address, options)
            is_otherwise = self._decide_new(source.questions)
            self.options = options = replace(options, **merge_settings({}, self.answers))
            if not is_otherwise:
                break
        return source

    def propose(
        self, problem_options: ProblemOptions, propose: Callable[[ProblemOptions], Proposal]
    ) -> Proposal:
        """Make a proposal, and again where an answer changes it.

        Args:
            problem_options: What the user says.
            propose: Makes the proposal.

        Raises:
            ConfigurationError: What the table leaves open stays open.
        """
        given: dict[str, Any] = {
            name: getattr(problem_options, name) for name in ProblemOptions.model_fields
        }
        known = len(self.decisions)
        for _ in range(_MOST_ROUNDS):
            proposal = propose(problem_options)
            if not self._decide_new(proposal.questions):
                break
            chosen = [each.choice for each in self.decisions[known:]]
            problem_options = ProblemOptions.model_validate(merge_settings(given, chosen))
        return proposal

    def _decide_new(self, questions: Sequence[Question]) -> bool:
        """Decide what was not decided before, and tell whether any answer is not the default."""
        known = {each.question.asked for each in self.decisions}
        new = [each for each in questions if each.asked not in known]
        chosen = self.decide(new)
        return any(
            choice is not question.choices[0] for question, choice in zip(new, chosen, strict=True)
        )
