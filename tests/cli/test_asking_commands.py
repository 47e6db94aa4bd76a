"""Commands that read a table ask in a terminal, and write down what was decided."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from fullcircle import automl as engine
from fullcircle import problems
from fullcircle.cli import asking
from fullcircle.cli.automl import automl
from fullcircle.cli.problem import problem

ROWS = 400


@pytest.fixture(scope="module")
def project(make: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a project whose own problems are found, and stand in it."""
    path: Path = make(tmp_path_factory.mktemp("asked") / "project", simulation=None).path
    room = str(path / "src" / "fullcircle" / "problems")
    before = Path.cwd()
    os.chdir(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problems, "__path__", [*problems.__path__, room])
        yield path
    os.chdir(before)


@pytest.fixture
def sizes(tmp_path: Path) -> Path:
    """Give a table whose sizes can be read in two ways: 1,240 alone."""
    rng = np.random.default_rng(0)
    file = tmp_path / "sizes.csv"
    frame = pd.DataFrame(
        {
            "Size": [f"{n % 9 + 1},{n * 37 % 900 + 100}" for n in range(ROWS)],
            "Kind": rng.choice(["tin", "box"], ROWS),
            "y": rng.choice(["a", "b"], ROWS),
        }
    )
    frame.to_csv(file, index=False, sep=";")
    return file


def say(typed: str | None, *words: str, monkeypatch: Any = None) -> Result:
    """Call a command; with something typed, as in a terminal."""
    if typed is not None:
        monkeypatch.setattr(asking, "has_terminal", lambda: True)
    command = automl if words[0] == "automl" else problem
    rest = words[1:] if words[0] == "automl" else words
    result = CliRunner().invoke(command, list(rest), input=typed or "", env={"COLUMNS": "1000"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def list_files(project: Path) -> list[str]:
    return sorted(str(each) for each in project.rglob("*") if "08_reporting" not in each.parts)


@pytest.mark.parametrize(("typed", "sign"), [("1\ny\n", "."), ("2\ny\n", ",")])
def test_an_answer_stands_in_the_problem_s_files(
    project: Path, sizes: Path, monkeypatch: Any, typed: str, sign: str
) -> None:
    """Both answers are written: as the reading that runs use, and as the option that decides."""
    name = "asked_point" if sign == "." else "asked_comma"
    words = ("new", name, "--file", str(sizes), "--target", "y")
    result = say(typed, *words, monkeypatch=monkeypatch)
    assert result.exit_code == 0, result.output
    cleaning = (project / f"src/fullcircle/problems/{name}/cleaning.py").read_text("utf-8")
    assert ('NumberFormat(thousands=",")' if sign == "." else 'decimal=","') in cleaning
    how = "decimal-point" if sign == "." else "decimal-comma"
    source = (project / f"conf/base/problems/{name}/source.yml").read_text("utf-8")
    assert f"--read 'Size={how}'" in source
    assert "as you chose" in source


@pytest.mark.parametrize("typed", ["", "2\n", "2\nn\n"])
def test_breaking_off_writes_nothing(
    project: Path, sizes: Path, monkeypatch: Any, typed: str
) -> None:
    """End of file at any question leaves the project as it was, and the answers are said."""
    before = list_files(project)
    words = ("new", "shop", "--file", str(sizes), "--target", "y")
    result = say(typed, *words, monkeypatch=monkeypatch)
    assert result.exit_code == 1
    assert ("--read 'Size=decimal-comma'" in result.output.splitlines()[-2]) == bool(typed)
    assert list_files(project) == before


@pytest.mark.parametrize("more", [["--yes"], []])
def test_without_a_terminal_the_option_is_named(
    project: Path, sizes: Path, more: list[str]
) -> None:
    """Without a terminal a weak choice stops in one line that names both options."""
    for words in (("new", "shop"), ("automl",)):
        result = say(None, *words, "--file", str(sizes), "--target", "y", *more)
        assert result.exit_code == 1
        assert "--read 'Size=decimal-point'" in result.output
        assert "--read 'Size=decimal-comma'" in result.output


@pytest.mark.parametrize(("typed", "largest"), [("1\n", 9999), ("2\n", 9.999)])
def test_automl_asks_as_problem_new_does(
    sizes: Path, monkeypatch: Any, typed: str, largest: float
) -> None:
    """The rows that automl learns from are read as the answer says."""
    seen: list[pd.DataFrame] = []

    class StopError(Exception):
        pass

    def take(frame: pd.DataFrame, *_: Any, **__: Any) -> None:
        seen.append(frame)
        raise StopError

    monkeypatch.setattr(engine, "classify", take)
    monkeypatch.setattr(asking, "has_terminal", lambda: True)
    words = ["--file", str(sizes), "--target", "y"]
    result = CliRunner().invoke(automl, words, input=typed)
    assert "can be read in two ways" in result.output
    assert largest / 9.999 < seen[0]["Size"].max() <= largest
