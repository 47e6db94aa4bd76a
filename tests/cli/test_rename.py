"""The package under a name of one's own, by ``kedro rename`` and by ``kedro new --starter``."""

import compileall
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fullcircle.cli.rename import rename

ROOT = Path(__file__).resolve().parents[2]
NEW = "acme_models_of_the_north"  # longer than the old name, so that lines grow
LEFT_BEHIND = shutil.ignore_patterns(
    "__pycache__", "*.egg-info", "*_cache", ".git", "data", "mlruns"
)


def call(folder: Path, *words: str) -> Result:
    """Call ``kedro rename`` in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return CliRunner().invoke(rename, list(words))
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of this repository under another name."""
    folder = tmp_path_factory.mktemp("renamed") / "project"
    shutil.copytree(ROOT, folder, ignore=LEFT_BEHIND)
    result = call(folder, NEW, "--yes")
    assert result.exit_code == 0, result.output
    assert "Imports are not sorted" not in result.output
    return folder


def read_texts(folder: Path) -> dict[str, str]:
    rooms = ("src", "conf", "tests", "docs", "deploy", "pyproject.toml", "README.md", ".ci")
    files = [path for room in rooms for path in [folder / room, *(folder / room).rglob("*")]]
    listed = [path for path in files if path.is_file()]
    return {p.relative_to(folder).as_posix(): p.read_text("utf-8", "ignore") for p in listed}


def test_no_text_speaks_of_the_old_package(renamed: Path) -> None:
    """Code, configuration, tests, templates and entry points name the new package alone."""
    for name, text in read_texts(renamed).items():
        old = [n for n in text.splitlines() if re.search(r"(?i)(?<![a-z])fullcircle(?![a-z])", n)]
        assert [line for line in old if "salt" not in line] == [], name
    assert not (renamed / "src" / "fullcircle").exists()


def test_digests_stay_as_they_were(renamed: Path) -> None:
    """What deals rows to sets keeps its salt: a new name moves no row to another set."""
    text = (renamed / "src" / NEW / "core" / "contract.py").read_text("utf-8")
    assert 'salt: str = "fullcircle"' in text


def test_project_file_names_the_new_package(renamed: Path) -> None:
    """Name, script, Kedro's settings and the import contracts are those of the new package."""
    project = tomllib.loads((renamed / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["name"] == NEW
    assert project["project"]["scripts"] == {NEW: f"{NEW}.__main__:main"}
    assert project["tool"]["kedro"]["package_name"] == NEW
    assert project["tool"]["kedro"]["project_name"] == "Acme Models Of The North"
    assert project["tool"]["importlinter"]["root_package"] == NEW


def test_renamed_code_is_code(renamed: Path) -> None:
    """Every module compiles, the linters find nothing, and the package imports itself alone."""
    assert compileall.compile_dir(renamed / "src", quiet=1, force=True)
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "src", "tests"]
    done = subprocess.run(ruff, cwd=renamed, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    code = (
        f"import sys, {NEW}.cli.main, {NEW}.core.contract; assert 'fullcircle' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(renamed / "src")}
    subprocess.run([sys.executable, "-c", code], cwd=renamed, env=environment, check=True)


@pytest.mark.parametrize("name", ["Acme", "class", "json", "a-b", "../x", ""])
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    """A name that no package can have, or that Python has taken, is refused; nothing changes."""
    (tmp_path / "src" / "fullcircle").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.kedro]\npackage_name = "fullcircle"\nproject_name = "x"\n', encoding="utf-8"
    )
    result = call(tmp_path, name, "--yes")
    assert result.exit_code == 1
    assert "cannot name a package" in result.output
    assert (tmp_path / "src" / "fullcircle").is_dir()


def test_a_folder_without_a_project_is_named(tmp_path: Path) -> None:
    """Outside a project there is nothing to rename, and that is said."""
    result = call(tmp_path, "acme", "--yes")
    assert "is no Kedro project" in result.output


def test_the_repository_is_a_starter(tmp_path: Path) -> None:
    """``kedro new --starter`` makes a project of the whole repository under the user's name."""
    config = tmp_path / "config.yml"
    config.write_text(
        "project_name: Night Shift\nrepo_name: night-shift\npython_package: night_shift\n"
        f"output_dir: {tmp_path}\n",
        encoding="utf-8",
    )
    code = "from kedro.framework.cli.starters import create_cli; create_cli()"
    words = ["new", "--starter", str(ROOT), "--config", str(config)]
    of_tests = ("PYTHONPATH", "KEDRO_LOGGING_CONFIG")
    environment = {n: v for n, v in os.environ.items() if n not in of_tests}
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    project = tmp_path / "night-shift"
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "src" / "night_shift" / "cli" / "main.py").is_file()
    assert (project / "conf" / "base" / "globals.yml").is_file()
    of_the_starter = ("cookiecutter.json", "prompts.yml", "hooks", "{{ cookiecutter.repo_name }}")
    assert [name for name in of_the_starter if (project / name).exists()] == []
    settings = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["tool"]["kedro"]
    assert (settings["package_name"], settings["project_name"]) == ("night_shift", "Night Shift")
