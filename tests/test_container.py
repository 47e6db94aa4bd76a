"""The container files keep the rules that need no daemon to check."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    "batch": ["run"],
    "endpoint": ["serve", "--host", "0.0.0.0"],  # noqa: S104
}


@pytest.fixture(scope="module", params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    """Name one of the files after the other."""
    return str(request.param)


@pytest.fixture(scope="module")
def instructions(name: str) -> list[tuple[str, str]]:
    """Give the instructions of the file with their arguments, continued lines joined."""
    file = ROOT / "deploy" / f"Containerfile.{name}"
    text = re.sub(r"\\\n\s*", " ", file.read_text("utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def arguments(instructions: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for name, rest in instructions if name == word]


def test_base_is_one_pinned_slim_python(instructions: list[tuple[str, str]]) -> None:
    """Every stage starts from the same slim Python, by version and by digest."""
    images = {rest.split()[0] for rest in arguments(instructions, "FROM")}
    (image,) = images
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", image)


def test_libraries_come_from_the_lock_alone(name: str, instructions: list[tuple[str, str]]) -> None:
    """Libraries are those of a lock; the project itself brings none."""
    installs = [rest for rest in arguments(instructions, "RUN") if "pip install" in rest]
    assert len(installs) == 2
    assert "--require-hashes --requirement requirements-hashed.lock" in installs[0]
    assert "--no-deps" in installs[1]


def test_process_is_not_root(instructions: list[tuple[str, str]]) -> None:
    """The last user is a number other than 0, and no instruction after it needs more."""
    names = [name for name, _ in instructions]
    (user,) = arguments(instructions, "USER")
    assert int(user) > 0
    assert "RUN" not in names[names.index("USER") :]


def test_no_secret_goes_into_the_image(instructions: list[tuple[str, str]]) -> None:
    """Neither conf/local nor data, a whole folder tree, a password or a build argument goes in."""
    copied = [w for rest in arguments(instructions, "COPY") for w in rest.split()[:-1]]
    assert not {".", "./", "conf", "conf/", "data"} & set(copied)
    assert not any("local" in word or "credentials" in word for word in copied)
    assert arguments(instructions, "ARG") == arguments(instructions, "ADD") == []
    variables = " ".join(arguments(instructions, "ENV"))
    assert not re.search(r"PASSWORD|TOKEN|SECRET|KEY", variables)


def test_everything_copied_is_there(instructions: list[tuple[str, str]]) -> None:
    """What the file copies out of the project exists, and every environment is among it."""
    copied = {
        word
        for rest in arguments(instructions, "COPY")
        if not rest.startswith("--from")
        for word in rest.split()[:-1]
    }
    assert [name for name in copied if not (ROOT / name).exists()] == []
    environments = {p.name for p in (ROOT / "conf").glob("*/") if p.is_dir()} - {"local"}
    assert {f"conf/{name}" for name in environments} <= copied


def test_container_runs_the_package(name: str, instructions: list[tuple[str, str]]) -> None:
    """The entry point is the package's command, which by default runs the circle, or serves."""
    (entry,), (command,) = (arguments(instructions, w) for w in ("ENTRYPOINT", "CMD"))
    assert (json.loads(entry), json.loads(command)) == (["fullcircle"], FILES[name])


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="hadolint is absent")
def test_hadolint_finds_no_fault(name: str) -> None:
    """The linter of container files is content."""
    file = ROOT / "deploy" / f"Containerfile.{name}"
    done = subprocess.run(["hadolint", str(file)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
