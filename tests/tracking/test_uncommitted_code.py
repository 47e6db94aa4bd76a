"""Uncommitted code is kept with a run: whole, bounded, and never with a secret."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pytest

from fullcircle import reproduction
from fullcircle.core.errors import ModelError
from fullcircle.hooks.tracking import log_patch
from fullcircle.tracking import uncommitted_code
from fullcircle.tracking.provenance import describe_code
from fullcircle.tracking.uncommitted_code import PATCH_FILE, read_patch

AUTHOR = ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "-c", "core.autocrlf=false")


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *AUTHOR, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a repository with a commit of text, binary and a file to remove."""
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "größe.py").write_text("one = 1\ntwo = 2\n", encoding="utf-8")
    (folder / "picture.bin").write_bytes(bytes(range(256)))
    (folder / "gone.txt").write_text("gone\n", encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "first")
    describe_code.cache_clear()
    return folder


def change(folder: Path) -> None:
    (folder / "src" / "größe.py").write_text("one = 1\ntwo = 22\r\n", encoding="utf-8", newline="")
    (folder / "picture.bin").write_bytes(bytes(range(255, -1, -1)))
    (folder / "gone.txt").unlink()
    (folder / "new.py").write_text("new = 1\n", encoding="utf-8")
    git(folder, "add", "new.py")


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_commit_and_its_patch_give_the_very_code(repository: Path, tmp_path: Path) -> None:
    """Text, binary, removed and added files come back byte by byte, from a subfolder as well."""
    change(repository)
    patch = read_patch(repository / "src")
    assert patch is not None
    other = tmp_path / "other"
    git(repository, "worktree", "add", "--quiet", str(other), "HEAD")
    (tmp_path / "p").write_bytes(patch.content)
    git(other, "apply", str(tmp_path / "p"))
    assert contents(other) == contents(repository)
    again = read_patch(other)
    assert again is None or again.content  # an added file is not in the index there


def test_without_changes_or_repository_there_is_no_patch(repository: Path, tmp_path: Path) -> None:
    """A clean checkout, and a folder outside of any, have none."""
    assert read_patch(repository) is None
    (tmp_path / "plain").mkdir()
    assert read_patch(tmp_path / "plain") is None


def test_a_large_patch_is_named_and_not_kept(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its limit a patch is refused, and its size is told."""
    change(repository)
    monkeypatch.setattr(uncommitted_code, "MOST_BYTES", 100)
    patch = read_patch(repository)
    assert patch is not None
    assert not patch.content
    assert patch.tag.startswith("not kept: ")
    assert "more than 100" in patch.tag


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ('api_key = "Zx81kk20Qm"', "a password"),
        ("  password: hunter2hunter2", "a password"),
        ('DATABASE = "postgresql://ada:sesame99@db/x"', "a password in an address"),
        (f"key = AKIA{'Q7' * 8}", "a cloud key"),
        (f"-----BEGIN RSA {'PRIVATE'} KEY-----", "a private key"),
        (f"x = 'ghp_{'a1' * 15}'", "a token"),
    ],
)
def test_a_patch_with_a_secret_is_not_kept(repository: Path, line: str, kind: str) -> None:
    """A secret on any line refuses the patch; file and kind are told, the secret is not."""
    (repository / "src" / "größe.py").write_text(f"one = 1\n{line}\n", encoding="utf-8")
    patch = read_patch(repository)
    assert patch is not None
    assert not patch.content
    assert patch.tag.endswith(f"seems to hold {kind}")
    assert line not in patch.tag


@pytest.mark.parametrize(
    "line",
    [
        "password: ${oc.env:PASSWORD}",
        "token_count = 5",
        'url = "https://example.org:8080/@x"',
        "def create_token(name: str) -> str:",
        'help="The token."',
    ],
)
def test_code_about_secrets_is_kept(repository: Path, line: str) -> None:
    """What speaks of passwords and holds none is no reason to lose a patch."""
    (repository / "src" / "größe.py").write_text(f"{line}\n", encoding="utf-8")
    patch = read_patch(repository)
    assert patch is not None
    assert patch.content, patch.tag


def test_a_run_keeps_the_patch_byte_by_byte(tracked: Path) -> None:
    """What a run keeps is what git said, line ends included."""
    with mlflow.start_run() as run:
        log_patch(b"a\r\nb\n\xff")
    path = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/{PATCH_FILE}")
    assert Path(path).read_bytes() == b"a\r\nb\n\xff"


def test_reproduce_says_how_to_have_the_changes_again(
    repository: Path, tracked: Path, tmp_path: Path
) -> None:
    """The commands of the refusal lead to a checkout that is then taken for the recorded code."""
    (repository / "src" / "größe.py").write_text("one = 11\n", encoding="utf-8")
    patch = read_patch(repository)
    assert patch is not None
    with mlflow.start_run() as run:
        log_patch(patch.content)
    commit = git(repository, "rev-parse", "HEAD")
    tags = {"git_commit": commit, "git_dirty": "true", "git_patch": patch.tag}
    version = SimpleNamespace(name="m", version="1", run_id=run.info.run_id, tags=tags)
    assert reproduction._compare_code(version, repository, any_code=False) == []
    git(repository, "checkout", "--quiet", "--", ".")
    with pytest.raises(ModelError, match="which are kept") as refused:
        reproduction._compare_code(version, repository, any_code=False)
    told = str(refused.value).partition("addresses: ")[2].partition(". (--any-code")[0]
    surroundings = {**os.environ, "MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
    surroundings["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = shutil.which("sh") or "sh"
    subprocess.run([shell, "-ec", told], cwd=repository, env=surroundings, check=True)
    describe_code.cache_clear()
    assert reproduction._compare_code(version, tmp_path / "rebuild", any_code=False) == []
    tags["git_patch"] = "not kept: too large"
    with pytest.raises(ModelError, match="which were not kept: too large"):
        reproduction._compare_code(version, repository, any_code=False)
