"""Questions in a terminal, without one, and where a person breaks off."""

import os
import pty
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from fullcircle.cli import asking
from fullcircle.cli.asking import deciding
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.questions import Choice, Question, Strength, merge_settings
from fullcircle.ingestion.decisions import Decider

Typing = Callable[[str], None]
CTRL_D = "\x04"


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Typing]:
    """Give a pseudo terminal as standard input, and what types into it."""
    master, slave = pty.openpty()
    with os.fdopen(slave, "r", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield lambda text: os.write(master, text.encode()) and None
    os.close(master)


def question(name: str, strength: Strength = "weak") -> Question:
    """Give a question with two readings of a column."""
    choices = tuple(
        Choice(f"1,240 as {value}", ("--read", f"{name}={how}"), {"read": {name: how}})
        for how, value in (("decimal-point", "1240"), ("decimal-comma", "1.24"))
    )
    return Question("numbers", f"{name!r} can be read in two ways.", choices, strength)


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [("1\n", "decimal-point"), ("2\n", "decimal-comma"), ("\n", "decimal-point")],
)
@pytest.mark.parametrize("strength", ["weak", "strong"])
def test_a_person_chooses_and_return_takes_the_default(
    keyboard: Typing, capsys: Any, typed: str, wanted: str, strength: Strength
) -> None:
    """In a terminal each question shows both readings and options; the answer is what is taken."""
    keyboard(typed)
    with deciding(yes=False) as decider:
        [chosen] = decider.decide([question("Size", strength)])
    assert chosen.settings == {"read": {"Size": wanted}}
    shown = capsys.readouterr().out
    assert "1,240 as 1240  (--read 'Size=decimal-point')" in shown
    assert "1,240 as 1.24  (--read 'Size=decimal-comma')" in shown
    [decision] = decider.decisions
    assert decision.by_user
    assert "as you chose" in decision.describe()


def test_a_wrong_answer_is_asked_again(keyboard: Typing) -> None:
    """An answer that is none of the choices decides nothing."""
    keyboard("3\nyes\n2\n")
    with deciding(yes=False) as decider:
        [chosen] = decider.decide([question("Size")])
    assert chosen.settings["read"] == {"Size": "decimal-comma"}


@pytest.mark.parametrize("yes", [True, False])
def test_without_a_person_only_strong_evidence_decides(yes: bool) -> None:
    """Without a terminal, --yes or not, a weak question stops and names both options."""
    with deciding(yes=yes) as decider:
        [chosen] = decider.decide([question("Size", "strong")])
    assert chosen.settings["read"] == {"Size": "decimal-point"}
    with pytest.raises(ConfigurationError) as caught:
        decider.decide([question("Size", "strong"), question("Cost")])
    assert "--read 'Cost=decimal-point'" in str(caught.value)
    assert "--read 'Cost=decimal-comma'" in str(caught.value)
    assert "Size" not in str(caught.value)


def test_yes_asks_nothing_in_a_terminal(keyboard: Typing) -> None:
    """With --yes nothing is asked although there is a terminal."""
    with deciding(yes=True) as decider:
        decider.decide([question("Size", "strong")])
    assert not decider.decisions[0].by_user
    with pytest.raises(ConfigurationError):
        decider.decide([question("Cost")])


def interrupt(*_: Any) -> str:
    raise KeyboardInterrupt


def answer_two(decider: Decider, patch: pytest.MonkeyPatch | None) -> None:
    """Answer one question; at the second one end, or be interrupted."""
    decider.decide([question("Size")])
    if patch is not None:
        patch.setattr("click.termui.visible_prompt_func", interrupt)
    decider.decide([question("Cost")])


@pytest.mark.parametrize("how", ["end of file", "Ctrl-C"])
def test_who_breaks_off_is_told_how_to_go_on(
    keyboard: Typing, capsys: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """End of file and Ctrl-C end the command; the answers given so far are said as options."""
    keyboard("2\n")
    keyboard(CTRL_D)
    with pytest.raises(click.Abort), deciding(yes=False) as decider:
        answer_two(decider, monkeypatch if how == "Ctrl-C" else None)
    assert "say the same with --read 'Size=decimal-comma'" in capsys.readouterr().out


def test_settings_of_choices_are_added_to_those_given() -> None:
    """Mappings are united and tuples joined, so that no earlier word of the user is lost."""
    given = {"read": {"a": "text"}, "keys": ("site",), "table": None}
    more = Choice("", (), {"read": {"b": "ISO"}, "keys": ("id",), "table": "Sheet2"})
    merged = merge_settings(given, [more])
    assert merged == {
        "read": {"a": "text", "b": "ISO"},
        "keys": ("site", "id"),
        "table": "Sheet2",
    }
    assert given["keys"] == ("site",)


def test_no_terminal_is_no_person(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file as standard input is no terminal."""
    (tmp_path / "answers").write_text("1\n", encoding="utf-8")
    with (tmp_path / "answers").open(encoding="utf-8") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert not asking.has_terminal()
