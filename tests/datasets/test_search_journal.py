"""Tests of the search's journal: what was put is there, whatever happened meanwhile."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fullcircle.core.errors import StorageError
from fullcircle.datasets import SearchJournalDataset

WRITE_FOR_EVER = """
import sys
from fullcircle.datasets import SearchJournalDataset
journal = SearchJournalDataset(filepath=sys.argv[1]).load().open("search")
for number in range(10**9):
    journal.put(f"trial {number}", {"score": number / 7, "text": "x" * 200})
    print(number, flush=True)
"""


def journal(folder: Path, name: str = "search"):
    return SearchJournalDataset(filepath=str(folder)).load().open(name)


def test_what_was_put_is_found_by_the_next(tmp_path: Path) -> None:
    """A record is read back as it was put, and another key finds nothing."""
    journal(tmp_path).put("a", {"score": 0.1 + 0.2, "state": "complete"})
    assert journal(tmp_path).get("a") == {"score": 0.1 + 0.2, "state": "complete"}
    assert journal(tmp_path).get("b") is None


def test_another_search_begins_afresh(tmp_path: Path) -> None:
    """Other data or settings are another search: nothing of the former one is taken for its own."""
    journal(tmp_path).put("a", {"score": 1})
    assert journal(tmp_path, "other").get("a") is None
    assert len(list(tmp_path.iterdir())) == 0


def test_kill_leaves_every_finished_trial(tmp_path: Path) -> None:
    """Killed in the middle of writing, the journal holds each trial that had been put."""
    command = [sys.executable, "-c", WRITE_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        said = [int(line) for line in process.stdout.read().split()]
    found = journal(tmp_path)
    for number in range(max(said, default=19) + 1):
        assert found.get(f"trial {number}") == {"score": number / 7, "text": "x" * 200}


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    """Half a line, as a kill may leave, loses that trial alone, and the next begins on its own."""
    journal(tmp_path).put("a", {"score": 1})
    file = tmp_path / "search.jsonl"
    file.write_text(file.read_text("utf-8") + '["b", {"sco', encoding="utf-8")
    journal(tmp_path).put("c", {"score": 3})
    found = journal(tmp_path)
    assert [found.get(key) for key in "abc"] == [{"score": 1}, None, {"score": 3}]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where the folder should be gives one line that names the place."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StorageError, match=r"journal of the search in .*file"):
        journal(tmp_path / "file")
