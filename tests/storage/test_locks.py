"""Locks between processes: one holder, waiting, and nothing left behind by a kill."""

import subprocess
import sys
from pathlib import Path

import pytest

from fullcircle.core.errors import StorageError
from fullcircle.storage.locks import LockedError, describe_holder, hold_lock

HOLDER = """
import sys, time
from pathlib import Path
from fullcircle.storage.locks import hold_lock
with hold_lock(Path(sys.argv[1]), "the run of scoring"):
    print("held", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def start_holder(path: Path, seconds: float) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", HOLDER, str(path), str(seconds)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_second_is_refused_with_the_first_ones_name(tmp_path: Path) -> None:
    """While a process holds the lock, another is refused and told who holds it and since when."""
    path = tmp_path / "a" / "run.lock"
    with start_holder(path, 60) as process:
        with pytest.raises(LockedError) as refused, hold_lock(path, "another"):
            pytest.fail("two hold it")
        assert f"the run of scoring (process {process.pid} on " in str(refused.value)
        process.kill()


def test_waiting_is_told_once_and_ends(tmp_path: Path) -> None:
    """Who waits says so once, and goes on when the first is done."""
    told: list[str] = []
    waiting = hold_lock(tmp_path / "l", "second", wait_seconds=None, on_wait=told.append)
    with start_holder(tmp_path / "l", 0.4), waiting:
        assert "second" in describe_holder(tmp_path / "l")
    assert len(told) == 1


def test_kill_leaves_no_lock(tmp_path: Path) -> None:
    """After kill -9 of the holder the lock is free at once, though its file is there."""
    with start_holder(tmp_path / "l", 60) as process:
        process.kill()
        process.wait()
        assert (tmp_path / "l").is_file()
        with hold_lock(tmp_path / "l", "next"):
            pass


def test_lock_is_free_after_the_block(tmp_path: Path) -> None:
    """The lock may be held again after the block, also after an error."""
    for _ in range(2):
        with pytest.raises(ValueError, match="x"), hold_lock(tmp_path / "l", "it"):
            raise ValueError("x")


def test_lock_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """A folder that is a file is said in one line."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    lock = hold_lock(tmp_path / "file" / "l", "it")
    with pytest.raises(StorageError, match="Cannot write to"), lock:
        pass


def test_holder_that_cannot_be_read_is_another_process(tmp_path: Path) -> None:
    """A torn lock file is no error."""
    (tmp_path / "l").write_text("{", encoding="utf-8")
    assert describe_holder(tmp_path / "l") == "another process"
