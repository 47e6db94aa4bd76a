"""``kedro problem``: one's own data, from a file to a champion, and an example taken away."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
import yaml
from click.testing import CliRunner, Result
from tests.servers import DATABASE_PASSWORD, start_postgres

from fullcircle import problems
from fullcircle.cli.problem import problem as command
from fullcircle.ingestion import project_files
from fullcircle.ingestion.inference import split_sizes

ROOT = Path(__file__).resolve().parents[2]
ROWS = 1200
# The package itself does not lie in the test's project, and would be taken for another's.
OURS = ("--config", 'lint.isort.known-first-party=["fullcircle"]')


def write_visits(path: Path, rows: int = ROWS) -> Path:
    """Write visits whose label follows from age and city, as a German spreadsheet would."""
    rng = np.random.default_rng(3)
    age = rng.normal(40, 10, rows).round(1)
    city = rng.choice(["Köln", "Bonn", "Trier"], rows)
    chance = 1 / (1 + np.exp(-(age - 40) / 4 - (city == "Bonn")))
    frame = pd.DataFrame(
        {
            "Visit No": [f"v{n:05d}" for n in range(rows)],
            "Age (years)": age,
            'City "name"': city,
            "yes": rng.integers(0, 9, rows),
            "Gekauft?": np.where(rng.random(rows) < chance, "ja", "nein"),
        }
    )
    frame.to_csv(path, sep=";", decimal=",", index=False, encoding="utf-8-sig")
    return path


def write_rides(path: Path, days: int = 300, per_day: int = 12) -> Path:
    """Write rides by day whose count is the sum of two columns, beside columns that tell of it."""
    rng = np.random.default_rng(4)
    rows = days * per_day
    heat = rng.normal(15, 8, rows)
    members, guests = rng.poisson(np.exp(heat / 15)), rng.poisson(np.exp(heat / 20))
    frame = pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=days).repeat(per_day).strftime("%d/%m/%Y"),
            "heat": heat.round(2),
            "members": members,
            "guests": guests,
            "rides": members + guests,
        }
    )
    frame.to_csv(path, index=False)
    return path


class Newcomer:
    """Someone in a project of their own."""

    def __init__(self, project: Any) -> None:
        self.project = project
        self.path: Path = project.path

    def say(self, *words: str, answer: str | None = None) -> Result:
        """Call ``kedro problem`` in the project."""
        before = Path.cwd()
        os.chdir(self.path)
        try:
            return CliRunner().invoke(command, list(words), input=answer)
        finally:
            os.chdir(before)

    def files(self) -> list[str]:
        """List what is in the project besides what runs make."""
        files = (path.relative_to(self.path).as_posix() for path in self.path.rglob("*"))
        return sorted(f for f in files if "__pycache__" not in f and not f.startswith("mlflow"))


def join(path: Path, make: Callable[..., Any]) -> Iterator[Newcomer]:
    """Make a project whose own problems are found beside those of the package."""
    project = make(path / "project", simulation=None)
    room = str(project.path / "src" / "fullcircle" / "problems")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(problems, "__path__", [*problems.__path__, room])
        yield Newcomer(project)
    for name in [
        n
        for n in sys.modules
        if n.startswith(
            ("fullcircle.problems.visits", "fullcircle.problems.rides", "fullcircle.problems.wide")
        )
    ]:
        del sys.modules[name]
    importlib.invalidate_caches()


@pytest.fixture(scope="module")
def newcomer(
    make: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Newcomer]:
    """Give someone who has brought visits and rides into a project."""
    folder = tmp_path_factory.mktemp("newcomer")
    for someone in join(folder, make):
        visits, rides = write_visits(folder / "visits.csv"), write_rides(folder / "rides.csv")
        brought = [
            someone.say("new", "visits", "--file", str(visits), "--target", "Gekauft?", "--yes"),
            someone.say("new", "rides", "--file", str(rides), "--target", "rides", "--yes"),
        ]
        importlib.invalidate_caches()
        for result in brought:
            assert result.exit_code == 0, result.output
        yield someone


@pytest.fixture
def stranger(tmp_path: Path, make: Callable[..., Any]) -> Iterator[Newcomer]:
    """Give someone in a project without problems of their own."""
    yield from join(tmp_path, make)


def read_conf(newcomer: Newcomer, name: str) -> dict[str, Any]:
    path = newcomer.path / "conf" / "base" / "problems" / name / "parameters.yml"
    declared: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))[name]
    return declared


def test_a_problem_is_written_as_the_linters_want_it(newcomer: Newcomer) -> None:
    """What is written passes ruff's checks and format, whatever the columns are called."""
    rooms = [str(newcomer.path / "src"), str(newcomer.path / "tests")]
    for words in (["check"], ["format", "--check"]):
        ruff = [sys.executable, "-m", "ruff", *words, "--no-cache", *OURS, *rooms]
        done = subprocess.run(ruff, cwd=newcomer.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["visits", "rides"])
def test_the_written_test_passes(newcomer: Newcomer, name: str) -> None:
    """Every test that comes with a problem passes as it is written."""
    path = newcomer.path / "tests" / "problems" / f"test_{name}.py"
    spec = importlib.util.spec_from_file_location(f"written_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tests = [getattr(module, each) for each in dir(module) if each.startswith("test_")]
    assert len(tests) >= 4
    for test in tests:
        test()


def test_the_contract_says_what_the_file_holds(newcomer: Newcomer) -> None:
    """Task, row id, label, time and leaks of both files are told by what they hold."""
    visits, rides = (read_conf(newcomer, name)["real"] for name in ("visits", "rides"))
    assert (visits["task"], visits["row_id"], visits["label"]) == ("binary", "visit_no", "gekauft")
    assert visits["request_columns"] == ["age_years", "city_name", "yes"]
    assert (rides["task"], rides["event_time"], rides["split"]["by"]) == (
        "regression",
        "day",
        "time",
    )
    assert rides["request_columns"] == ["heat"]


@pytest.mark.untraced
@pytest.mark.parametrize(
    ("name", "metric", "low", "high"), [("visits", "roc_auc", 0.75, 1), ("rides", "rmse", 0, 4)]
)
def test_the_circle_turns_on_data_of_one_s_own(
    newcomer: Newcomer,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    metric: str,
    low: float,
    high: float,
) -> None:
    """After ``problem new`` the circle turns without an edit and without a second switch."""
    monkeypatch.setenv("PROBLEM", name)
    newcomer.project.run(training={"candidates": ["baseline", "logistic_regression", "ridge"]})
    catalog = newcomer.project.catalog()
    decision = catalog.load("promotion_decision")
    assert decision["promote"] is True
    assert catalog.load("leaderboard")[0]["metric"] == metric
    assert low < decision["score"]["value"] < high
    assert catalog.load("intake_report")["rows_rejected"] == 0
    assert catalog.load("scoring_report")["rows"] > 0


def test_check_finds_nothing_wrong_with_a_good_problem(newcomer: Newcomer) -> None:
    """A problem that can run is found fine, and the exit code says so."""
    said = newcomer.say("check", "visits").output
    assert said.endswith("Next: PROBLEM=visits kedro run\n")
    result = newcomer.say("check", "visits", "--json")
    assert result.exit_code == 0, result.output
    levels = {row["level"] for row in yaml.safe_load(result.output)}
    assert levels <= {"fine", "danger"}


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("label: gekauft", "label: bought", "'bought'"),
        ("request_columns:", "request_columns:\n      - shoe_size", "'shoe_size'"),
        ("row_id: visit_no", "row_id: yes", "Input should be a valid string"),
        ("task: binary", "task: multiclass", "no other, needs a 'threshold'"),
    ],
)
def test_check_names_what_is_wrong(newcomer: Newcomer, old: str, new: str, wanted: str) -> None:
    """A contract that the data do not keep is a fault, named with what to do, and the exit is 1."""
    path = newcomer.path / "conf" / "base" / "problems" / "visits" / "parameters.yml"
    before = path.read_text("utf-8")
    assert old in before
    path.write_text(before.replace(old, new), encoding="utf-8")
    try:
        result = newcomer.say("check", "visits", "--json")
    finally:
        path.write_text(before, encoding="utf-8")
    assert result.exit_code == 1
    assert wanted in result.output


def test_check_names_missing_data(newcomer: Newcomer, monkeypatch: Any, tmp_path: Path) -> None:
    """Where the data are not, the check says how to take them in."""
    monkeypatch.setenv("RAW_DIR", str(tmp_path))
    result = newcomer.say("check", "visits")
    assert result.exit_code == 1
    assert "kedro problem take" in " ".join(result.output.split())


def test_check_examines_an_example(stranger: Newcomer) -> None:
    """A simulated example passes the same look as one's own problem."""
    result = stranger.say("check", "diabetes", "--json")
    assert result.exit_code == 0, result.output


def test_check_of_an_unknown_problem_offers_the_nearest(stranger: Newcomer) -> None:
    """A problem that does not exist is one line with the nearest name."""
    result = stranger.say("check", "diabetis")
    assert result.exit_code == 1
    assert "'diabetis' (nearest: 'diabetes')" in result.output


def test_more_rows_are_taken_in_behind(newcomer: Newcomer, tmp_path: Path) -> None:
    """A second file comes behind the first, so that no earlier row gets another name."""
    folder = newcomer.path / "data" / "01_raw" / "visits"
    result = newcomer.say("take", "visits", "--file", str(write_visits(tmp_path / "a.csv", 20)))
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in folder.glob("*.parquet")) == [
        "0001.parquet",
        "0002.parquet",
    ]
    (folder / "0002.parquet").unlink()
    (tmp_path / "b.csv").write_text("x,y\n1,2\n", encoding="utf-8")
    result = newcomer.say("take", "visits", "--file", str(tmp_path / "b.csv"))
    assert result.exit_code == 1
    assert "lacks the column" in result.output


def test_list_shows_every_problem(newcomer: Newcomer) -> None:
    """The list names each problem with its task, label and sources."""
    rows = {row["problem"]: row for row in yaml.safe_load(newcomer.say("list", "--json").output)}
    assert {"diabetes", "rides", "visits"} <= set(rows)
    assert (rows["rides"]["task"], rows["rides"]["sources"]) == ("regression", "real")
    assert rows["diabetes"]["sources"] == "simulated, real"


def test_simulated_data_of_a_real_problem_are_refused(newcomer: Newcomer, monkeypatch: Any) -> None:
    """A problem without a simulator says that it has real data alone."""
    monkeypatch.setenv("PROBLEM", "visits")
    monkeypatch.setenv("DATA_SOURCE", "simulated")
    result = newcomer.project.command()
    assert result.exit_code == 1
    assert "DATA_SOURCE='simulated' is not one of: real" in result.output


def test_dry_run_and_no_write_nothing(stranger: Newcomer, tmp_path: Path) -> None:
    """With --dry-run, or if answered no, the project stays as it was, but for the page."""
    before = stranger.files()
    words = (
        "new",
        "shop",
        "--file",
        str(write_visits(tmp_path / "v.csv")),
        "--target",
        "Gekauft?",
    )
    shown = stranger.say(*words, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert 'LABEL = "Gekauft?"' in shown.output
    assert "Nothing else was written." in shown.output
    assert stranger.say(*words, answer="n\n").exit_code == 1
    kept = [path for path in stranger.files() if not path.startswith("data")]
    assert kept == [path for path in before if not path.startswith("data")]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("My-Visits 2", "'My-Visits 2' cannot name a problem. Use small letters, digits"),
        ("My-Visits 2", "as in my_visits."),
        ("class", "'class' cannot name a problem: it is a word of Python's"),
        ("class", "as in class_rows."),
        ("../x", "cannot name a problem"),
        ("diabetes", "There is a problem 'diabetes' already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    stranger: Newcomer, tmp_path: Path, name: str, wanted: str
) -> None:
    """A name that is no package's, or is taken, is refused before anything is read."""
    result = stranger.say("new", name, "--file", "nowhere.csv", "--target", "y", "--yes")
    assert result.exit_code == 1
    assert wanted in result.output


def test_a_folder_that_cannot_be_written_to_is_named(
    stranger: Newcomer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the raw folder cannot be made, one line says so, and no half of a problem is left."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("RAW_DIR", str(tmp_path / "file"))
    before = stranger.files()
    source = str(write_visits(tmp_path / "v.csv"))
    result = stranger.say("new", "shop", "--file", source, "--target", "Gekauft?", "--yes")
    assert result.exit_code == 1
    assert "Set RAW_DIR to a folder" in result.output.splitlines()[-1]
    page = {
        "data",
        *(f"data/08_reporting{rest}" for rest in ("", "/shop", "/shop/first_look.html")),
    }
    assert set(stranger.files()) - page == set(before)


def test_a_large_table_teaches_by_a_sample(
    stranger: Newcomer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of a table of very many rows so many are drawn as the tool says, and the contract tells."""
    monkeypatch.setattr(split_sizes, "TRAINING_ROWS", 500)
    monkeypatch.setattr(project_files, "TRAINING_ROWS", 500)
    source = str(write_visits(tmp_path / "v.csv"))
    told = stranger.say("new", "wide", "--file", source, "--target", "Gekauft?", "--yes").output
    assert "500 of 1,200 rows with a label" in told
    assert read_conf(stranger, "wide")["training_rows"] == 500
    importlib.invalidate_caches()
    monkeypatch.setenv("PROBLEM", "wide")
    stranger.project.run("data_processing")
    stranger.project.run("feature_store")
    report = stranger.project.catalog().load("training_rows")
    assert 400 < report["rows_kept"] <= 500 < report["rows_known"]


def test_no_password_of_a_database_stays(
    stranger: Newcomer, caplog: pytest.LogCaptureFixture
) -> None:
    """A table of a real PostgreSQL becomes a problem; neither connection nor password stays."""
    frame = pd.DataFrame({"n": range(200), "y": [0, 1] * 100, "x": np.arange(200) % 7})
    with start_postgres() as port:
        address = f"postgresql+psycopg2://postgres:{DATABASE_PASSWORD}@127.0.0.1:{port}/postgres"
        engine = sa.create_engine(address)
        frame.to_sql("visits", engine, index=False)
        engine.dispose()
        words = ("--target", "y", "--yes")
        asked = stranger.say("new", "shop", "--file", address, *words)
        wrong = address.replace(DATABASE_PASSWORD, f"{DATABASE_PASSWORD}x")
        refused = stranger.say("new", "shop", "--file", wrong, "--table", "visits", *words)
        made = stranger.say("new", "shop", "--file", address, "--table", "public.visits", *words)
        with engine.connect() as connection:
            sessions = sa.text("SELECT count(*) FROM pg_stat_activity WHERE datname = 'postgres'")
            held = connection.execute(sessions).scalar_one() - 1
        engine.dispose()
    assert held == 0
    assert "several tables. Say --table; there are: visits." in asked.output
    assert "cannot be opened" in refused.output
    assert made.exit_code == 0, made.output
    assert pd.read_parquet(stranger.path / "data/01_raw/shop/0001.parquet").shape == frame.shape
    told = [asked.output, refused.output, made.output, caplog.text]
    kept = [path.read_bytes() for path in stranger.path.rglob("*") if path.is_file()]
    assert not any(DATABASE_PASSWORD in text for text in told)
    assert not any(DATABASE_PASSWORD.encode() in content for content in kept)


def test_files_are_never_overwritten(newcomer: Newcomer) -> None:
    """A problem that exists, or a file in its place, is left as it is."""
    stray = newcomer.path / "tests" / "problems" / "test_stray.py"
    stray.write_text("mine", encoding="utf-8")
    result = newcomer.say("new", "stray", "--file", "nowhere.csv", "--target", "y", "--yes")
    assert "test_stray.py exists already" in result.output
    assert stray.read_text("utf-8") == "mine"
    stray.unlink()


@pytest.mark.parametrize(
    ("content", "words", "wanted"),
    [
        ("a,b\n1,2\n", (), "has no column 'y'. It has: a, b."),
        ("y,y\n" + "1,2\n" * 50, (), "named 'y' like another, so it is not clear which"),
        ("a,y\n1,2\n", (), "1 of 1 rows hold a 'y'; training needs 30"),
        ("a,y\n" + "1,2\n3,2\n" * 30, (), "the single value '2'"),
        ("1,2\n" * 50, (), "no header: its first line is 1, 2. Say --no-header"),
        ("a,b2,y\n" + "1,5,2\n3,6,4\n" * 30, ("--time", "a"), "The time column 'a' holds"),
        (
            "a,b2,y\n" + "1,5,2\n3,6,4\n" * 30,
            ("--label-delay-days", "-1"),
            "--label-delay-days: Input should",
        ),
        ("a,b2,y\n" + "1,5,2\n3,6,4\n" * 30, ("--key", "b"), "has no column 'b'"),
    ],
)
def test_hostile_table_ends_in_one_clear_line(
    stranger: Newcomer, tmp_path: Path, content: str, words: tuple[str, ...], wanted: str
) -> None:
    """A table that no model can learn from is refused in one line, and nothing is written."""
    before = stranger.files()
    (tmp_path / "t.csv").write_text(content, encoding="utf-8")
    result = stranger.say(
        "new", "shop", "--file", str(tmp_path / "t.csv"), "--target", "y", *words, "--yes"
    )
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert len(result.output.strip().splitlines()) == 1
    assert wanted in result.output
    assert stranger.files() == before


@pytest.mark.untraced
def test_five_hundred_columns_make_a_problem(stranger: Newcomer, tmp_path: Path) -> None:
    """A table of 500 columns with odd names becomes a problem that passes its own check."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(rng.normal(size=(400, 500)).round(3))
    frame.columns = [f"Wert {n} \u2013 «größer» als {'sehr ' * 9}\\viel" for n in range(500)]
    frame["y"] = np.where(frame.iloc[:, 0] > 0.1 * rng.normal(size=400), "a'\"b", "\u2013")
    frame.to_csv(tmp_path / "wide.csv", index=False)
    made = stranger.say(
        "new", "wide", "--file", str(tmp_path / "wide.csv"), "--target", "y", "--yes"
    )
    assert made.exit_code == 0, made.output
    room = str(stranger.path / "src")
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", *OURS, room]
    done = subprocess.run(ruff, cwd=stranger.path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    importlib.invalidate_caches()
    checked = stranger.say("check", "wide", "--json")
    assert "fault" not in {row["level"] for row in yaml.safe_load(checked.output)}, checked.output


def test_an_example_is_taken_away_without_a_trace(tmp_path: Path, monkeypatch: Any) -> None:
    """Package, configuration, tests and data of an example go, and another becomes the default."""
    for room in ("src", "conf", "tests"):
        shutil.copytree(
            ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    conf = tmp_path / "conf" / "base" / "globals.yml"
    example = re.search(r"switch:PROBLEM,(\w+)", conf.read_text("utf-8"))[1]
    made = tmp_path / "data" / "03_primary" / example
    made.mkdir(parents=True)
    stranger = Newcomer(type("Project", (), {"path": tmp_path}))
    monkeypatch.setattr(problems, "__path__", [str(tmp_path / "src" / "fullcircle" / "problems")])
    assert stranger.say("remove", example, answer="n\n").exit_code == 1
    assert stranger.say("remove", example, "--dry-run").exit_code == 0
    assert made.is_dir()
    result = stranger.say("remove", example, "--data", "--yes")
    assert result.exit_code == 0, result.output
    left = [f for f in stranger.files() if f"/{example}" in f or f"_{example}." in f]
    assert left == []
    assert f"switch:PROBLEM,{example}," not in conf.read_text("utf-8")
    assert f"removes tests/problems/test_{example}.py" in result.output
    assert f"There is no problem '{example}'" in stranger.say("remove", example).output


def test_the_last_problem_stays(tmp_path: Path, monkeypatch: Any) -> None:
    """The only problem of a project cannot be removed: nothing could run."""
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "__init__.py").touch()
    monkeypatch.setattr(problems, "__path__", [str(tmp_path)])
    stranger = Newcomer(type("Project", (), {"path": tmp_path}))
    assert "only is the only problem" in stranger.say("remove", "only", "--yes").output
