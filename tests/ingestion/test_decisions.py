"""Each kind of doubtful choice: asked, answered both ways, and decided without a person."""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.questions import Choice, Question
from fullcircle.datasets import RawParquetDataset
from fullcircle.ingestion import ReadOptions, copy_table
from fullcircle.ingestion.decisions import Decider
from fullcircle.ingestion.inference import ProblemOptions, Proposal, propose_problem

ROWS = 300
RNG = np.random.default_rng(7)
NOISE = RNG.normal(size=ROWS).round(3)
SIZES = [f"{n % 9 + 1},{n * 37 % 900 + 100}" for n in range(ROWS)]
CITIES = [f"España {n % 7}" for n in range(ROWS)]


def deal(*shares: tuple[str, int]) -> list[str]:
    """Give texts in the counts that are wanted, the first one filling up, in random order."""
    texts = [text for text, rows in shares[1:] for _ in range(rows)]
    texts += [shares[0][0]] * (ROWS - len(texts))
    return [str(each) for each in RNG.permutation(texts)]


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, index=False, sep=";")


def write_sheets(path: Path, frame: pd.DataFrame) -> None:
    with pd.ExcelWriter(path) as book:
        frame.to_excel(book, sheet_name="old", index=False)
        frame.assign(x=frame["x"] + 100).to_excel(book, sheet_name="new", index=False)


def write_latin(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, index=False, encoding="cp1252")


def of_people(frame: pd.DataFrame) -> pd.DataFrame:
    """Give rows of people whose label is theirs."""
    people = np.arange(ROWS) // 5
    labels = np.random.default_rng(1).choice(["a", "b"], ROWS // 5)
    return frame.assign(person=[f"p{n:03d}" for n in people], y=labels[people])


def as_log(frame: pd.DataFrame) -> pd.DataFrame:
    """Give a change log: each order stands in three rows with one moment."""
    days = pd.date_range("2024-01-01", periods=ROWS // 3).strftime("%Y-%m-%d")
    order = np.arange(ROWS) // 3
    return frame.assign(order=[f"o{n:03d}" for n in order], day=days[order])


Change = Callable[[pd.DataFrame], pd.DataFrame]
Look = Callable[[Proposal, ReadOptions], Any]


def with_target(*shares: tuple[str, int]) -> Change:
    return lambda frame: frame.assign(y=deal(*shares))


def with_column(**columns: Any) -> Change:
    return lambda frame: frame.assign(**columns)


def count_classes(proposal: Proposal, _: ReadOptions) -> Any:
    return len(proposal.label.classes)


def find_unknown(proposal: Proposal, _: ReadOptions) -> Any:
    return proposal.label.unknown


# What is doubtful, how a table gets it, how strong the evidence is, and what both answers give.
CASES: dict[str, tuple[Change, str, Look, Any, Any]] = {
    "numbers": (
        with_column(x=np.arange(ROWS) % 90, size=SIZES),
        "weak",
        lambda proposal, _: proposal.reading.format_of("size").read("1,100"),
        1100.0,
        1.1,
    ),
    "order of day and month": (
        with_column(day=[f"0{n * 5 % 9 + 1}/0{n * 7 % 8 + 1}/2021" for n in range(ROWS)]),
        "weak",
        lambda proposal, _: proposal.reading.moments["day"][1],
        "%m/%d/%Y",
        "%d/%m/%Y",
    ),
    "year and month": (
        with_column(year=[2000 + n // 12 for n in range(ROWS)], month=np.arange(ROWS) % 12 + 1),
        "strong",
        lambda proposal, _: proposal.spec.event_time,
        "year",
        None,
    ),
    "a word for missing": (with_target(("a", 0), ("b", 90), ("unknown", 100)), "weak",
        find_unknown, (), ("unknown",)),
    "none": (with_target(("a", 0), ("b", 90), ("None", 100)), "strong",
        find_unknown, (), ("None",)),
    "minus beside plus": (with_target(("+", 0), ("-", 100)), "strong", count_classes, 2, None),
    "spellings": (with_target(("Yes", 0), ("yes", 60), ("no", 90)), "strong",
        count_classes, 2, 3),
    "signs in spellings": (with_target(("non-smoker", 0), ("non smoker", 60), ("smoker.", 50),
        ("smoker", 60)), "strong", count_classes, 2, 4),
    "rare classes": (with_target(("a", 0), ("b", 90), ("c", 5), ("d", 4)), "weak",
        count_classes, 2, 3),
    "a rating": (with_target(("1", 0), ("2", 60), ("3", 60), ("4", 60)), "strong",
        lambda proposal, _: proposal.label.task, "multiclass", "regression"),
    "an entity": (of_people, "strong", lambda proposal, _: proposal.spec.entity_keys,
        ["person"], ["row_id"]),
    "a change log": (as_log, "strong", lambda proposal, _: proposal.states is None, False, True),
    "sheets": (with_column(), "strong", lambda _, options: options.table, "old", "new"),
    "encoding": (with_column(city=CITIES), "weak", lambda _, options: options.encoding,
        "cp1252", "cp1250"),
}  # fmt: skip
SAID = {"a change log": {"keys": ("order",), "time": "day"}}


@pytest.fixture
def table(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Give the table of a case."""
    name = request.param
    frame = pd.DataFrame({"x": NOISE, "z": RNG.choice(["p", "q"], ROWS)})
    frame = CASES[name][0](frame.assign(y=deal(("a", 0), ("b", 140))))
    write = {"sheets": write_sheets, "encoding": write_latin}.get(name, write_csv)
    path = tmp_path / ("t.xlsx" if name == "sheets" else "t.csv")
    write(path, frame)
    return path


def decide(decider: Decider, path: Path, name: str) -> tuple[Proposal, ReadOptions]:
    """Read a table and propose a problem, with what decides open choices."""
    said = {"name": "shop", "target": "y", "today": date(2026, 1, 1), **SAID.get(name, {})}
    source = decider.open(str(path), ReadOptions(named=("y",)))
    copied = copy_table(source, path.with_suffix(".parquet"))
    raw = RawParquetDataset(filepath=str(copied.path)).load()
    proposal = decider.propose(ProblemOptions.model_validate(said), partial(propose_problem, raw))
    return proposal, decider.options


@pytest.mark.parametrize(("table", "name"), [(n, n) for n in CASES], indirect=["table"])
def test_each_doubtful_choice_is_asked_and_answered(table: Path, name: str) -> None:
    """Each kind is one question; either answer is what is then done, and is asked no more."""
    _, strength, look, first, second = CASES[name]
    for place, wanted in ((0, first), (1, second)):
        asked: list[Question] = []

        def choose(question: Question, place: int = place, asked: list[Any] = asked) -> Choice:
            asked.append(question)
            return question.choices[place]

        decider = Decider(choose)
        if name == "minus beside plus" and place == 1:
            with pytest.raises(DataError, match="single value"):
                decide(decider, table, name)
            break
        proposal, options = decide(decider, table, name)
        question = asked[0]
        assert question.strength == strength, question
        assert len({each.asked for each in asked}) == len(asked)
        assert look(proposal, options) == wanted


@pytest.mark.parametrize(("table", "name"), [(n, n) for n in CASES], indirect=["table"])
def test_without_a_person_weak_evidence_stops(table: Path, name: str) -> None:
    """Without a person strong evidence decides and is kept as a decision; weak evidence stops."""
    _, strength, look, first, _ = CASES[name]
    decider = Decider()
    if strength == "weak":
        with pytest.raises(ConfigurationError, match="Say which: --"):
            decide(decider, table, name)
        return
    proposal, options = decide(decider, table, name)
    if name not in ("sheets", "encoding"):
        assert look(proposal, options) == first
    assert all(not each.by_user and each.is_default for each in decider.decisions)
