"""A full disk: whatever is written as the room ends, one line says so, and the old is whole."""

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from fullcircle.datasets import DeltaTableDataset, ReportDataset, SearchJournalDataset
from fullcircle.datasets.ledger_dataset import LedgerDataset
from fullcircle.datasets.request_table_dataset import RequestTableDataset
from fullcircle.error_messages import explain_error

PAGE = 4096
ROWS = pd.DataFrame({"a": range(4000), "scored_on": "2025-04-01", "who": "x" * 20})


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a disk of two megabytes in memory, or skip where this user may mount none."""
    place = tmp_path_factory.mktemp("disk")
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("mount is not installed")
    words = [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount")
    yield place
    subprocess.run([unmount, "--lazy", str(place)], check=True)


def leave_room(disk: Path, pages: int) -> None:
    """Fill a disk but for so many pages."""
    with (disk / "ballast").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * PAGE)
        except OSError:
            pass
        file.truncate(file.tell() // PAGE * PAGE - pages * PAGE)


def save_table(folder: Path, number: int) -> None:
    DeltaTableDataset(filepath=str(folder / "table")).save(ROWS.assign(a=number))


def read_table(folder: Path) -> Any:
    return int(DeltaTableDataset(filepath=str(folder / "table"), load_as="pandas").load()["a"][0])


def save_requests(folder: Path, number: int) -> None:
    RequestTableDataset(filepath=str(folder / "requests")).save(ROWS.assign(a=number))


def read_requests(folder: Path) -> Any:
    loaded = RequestTableDataset(filepath=str(folder / "requests")).load()
    return int(loaded.rows.a.max().execute())


def save_report(folder: Path, number: int) -> None:
    ReportDataset(filepath=str(folder / "r.json")).save({"a": number, "long": "x" * 9000})


def read_report(folder: Path) -> Any:
    return ReportDataset(filepath=str(folder / "r.json")).load()["a"]


def save_line(folder: Path, number: int) -> None:
    LedgerDataset(filepath=str(folder / "l.jsonl")).save({"a": number, "long": "x" * 9000})


def read_line(folder: Path) -> Any:
    return LedgerDataset(filepath=str(folder / "l.jsonl")).load()[-1]["a"]


def save_trial(folder: Path, number: int) -> None:
    journal = SearchJournalDataset(filepath=str(folder / "search")).load().open("key")
    journal.put("last", {"a": number, "long": "x" * 9000})


def read_trial(folder: Path) -> Any:
    return SearchJournalDataset(filepath=str(folder / "search")).load().open("key").get("last")["a"]


WRITES: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], Any]]] = {
    "table": (save_table, read_table),
    "requests": (save_requests, read_requests),
    "report": (save_report, read_report),
    "ledger": (save_line, read_line),
    "journal of a search": (save_trial, read_trial),
}


def attempt(save: Callable[[Path, int], None], folder: Path) -> str | None:
    """Save once more; give the line of the error, if any."""
    try:
        save(folder, 2)
    except Exception as error:
        return explain_error(error)
    return None


@pytest.mark.parametrize("kind", WRITES)
def test_disk_that_fills_up_costs_nothing_that_was_saved(disk: Path, kind: str) -> None:
    """However little room is left, a write is whole, or one line says so and the old is whole."""
    save, read = WRITES[kind]
    folder, outcomes = disk / "data", []
    for pages in (*range(8), 16, 32, 64):
        shutil.rmtree(folder, ignore_errors=True)
        (disk / "ballast").unlink(missing_ok=True)
        folder.mkdir()
        save(folder, 1)
        leave_room(disk, pages)
        said = attempt(save, folder)
        (disk / "ballast").unlink()
        outcomes.append(said is None)
        if said is not None:
            assert said.startswith(f"The disk of {folder}")
            assert "MB are free" in said
            assert "\n" not in said
        assert read(folder) == (2 if said is None else 1)
        save(folder, 3)
        assert read(folder) == 3
    assert set(outcomes) == {True, False}


def test_artifact_on_a_full_disk_says_so(disk: Path, tmp_path: Path) -> None:
    """An artifact that finds no room is told in one line that names its place."""
    shutil.rmtree(disk / "data", ignore_errors=True)
    leave_room(disk, 2)
    large = tmp_path / "large.txt"
    large.write_bytes(b"x" * 20 * PAGE)
    store = mlflow.store.artifact.local_artifact_repo.LocalArtifactRepository(str(disk / "data"))
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as full:
        store.log_artifact(str(large))
    said = explain_error(full.value)
    assert said.startswith(f"The disk of {disk} (0.0 MB are free) is full: ")
    assert "\n" not in said


FULL = {
    "a system's": OSError(errno.ENOSPC, "No space left on device", "/data/x"),
    "a quota": OSError(errno.EDQUOT, "Disk quota exceeded", "/data/x"),
    "a copy's": OSError(errno.ENOSPC, "No space left on device", "y", None, "/data/x"),
    "a query's": RuntimeError('IO Error: Could not write file "/tmp/d": No space left on device'),
    "a table's": RuntimeError(
        "Generic LocalFileSystem error: No space left on device (os error 28)"
    ),
}


@pytest.mark.parametrize("name", FULL)
def test_full_disk_is_told_from_other_errors(name: str) -> None:
    """Anyone who finds the disk full, one line says so, also below another error."""
    outer = ValueError("Failed while saving data")
    outer.__cause__ = FULL[name]
    said = explain_error(outer)
    assert " is full: " in said
    assert ("/data/x" in said) == isinstance(FULL[name], OSError)


def test_other_error_is_no_full_disk() -> None:
    """What is refused for another reason is not called full."""
    assert "is full" not in explain_error(OSError(errno.EIO, "Input/output error", "/data/x"))
