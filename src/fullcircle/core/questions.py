"""What a source leaves open: the readings that are possible, with what each gives and decides."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Strength = Literal["strong", "weak"]


@dataclass(frozen=True)
class Choice:
    """One way of reading what can be read in several ways.

    Attributes:
        preview: What it gives, in a few words: ``1,240 as 1240``.
        option: The option that decides so, as words of a command line: ``("--read", "a=text")``.
        settings: What it sets of the user's settings, by the names of their fields.
    """

    preview: str
    option: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def written(self) -> str:
        """The option as it is typed into a shell."""
        return " ".join(_quote(word) for word in self.option)


def _quote(word: str) -> str:
    quoted = shlex.quote(word)
    return quoted if quoted != word or "=" not in word else f"'{word}'"


@dataclass(frozen=True)
class Question:
    """A doubtful choice, which the user decides.

    Attributes:
        about: What kind of choice it is: numbers, dates, header, sheet and so on.
        asked: What is open, in one sentence.
        choices: The readings; the first is the default.
        strength: How strong the evidence for the default is. Without a terminal a weak one is not
            taken: the command stops and names the options.
    """

    about: str
    asked: str
    choices: tuple[Choice, ...]
    strength: Strength = "weak"

    def describe(self) -> str:
        """Return the question with its choices and the option of each, in one line."""
        ways = "; or ".join(f"{each.written} ({each.preview})" for each in self.choices)
        return f"{self.asked} Say which: {ways}."


@dataclass(frozen=True)
class Decision:
    """A question with its answer.

    Attributes:
        question: What was open.
        choice: What was chosen.
        by_user: Whether a person chose it; otherwise the evidence did.
    """

    question: Question
    choice: Choice
    by_user: bool

    @property
    def is_default(self) -> bool:
        """Whether the choice is what is done where nothing is said."""
        return self.choice is self.question.choices[0]

    def describe(self) -> str:
        """Return question, answer, and the option that decides it, in one line."""
        by = "as you chose" if self.by_user else "as the data suggest"
        return f"{self.question.asked} {self.choice.preview}, {by}: {self.choice.written}"


def merge_settings(given: Mapping[str, Any], choices: Iterable[Choice]) -> dict[str, Any]:
    """Return settings with those of choices added: mappings are united, tuples are joined.

    Args:
        given: Settings by the names of their fields.
        choices: What was chosen.
    """
    merged = dict(given)
    for choice in choices:
        for name, value in choice.settings.items():
            before = merged.get(name)
            if isinstance(value, Mapping):
                merged[name] = {**(before or {}), **value}
            elif isinstance(value, tuple):
                merged[name] = (*(before or ()), *value)
            else:
                merged[name] = value
    return merged
