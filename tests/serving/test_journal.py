"""The log: every answer is written down first, and reaches the tables once, whatever dies."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.serving.stage import FULL, Stage, opened

from fullcircle.core.errors import StorageError
from fullcircle.serving.collector import Collector
from fullcircle.serving.request_log import RequestLog, adopt_orphans, read_segment
from fullcircle.serving.runtime_dir import write_json

WRITER = """
import sys
from pathlib import Path
from fullcircle.serving.request_log import Journal
journal = Journal(Path(sys.argv[1]), 0.01, 2**20)
for number in range(10**9):
    journal.append({"n": number})
    journal.turn()
    print(number, flush=True)
"""


def entry(name: str) -> dict[str, Any]:
    """What a worker writes down of one request."""
    part = {
        "role": "champion",
        "model": "m",
        "version": "1",
        "rows": [0],
        "ids": ["r1"],
        "keys": {"who": [1]},
        "inputs": {"size": [0.5]},
        "predicted": [0.25],
        "decisions": [0],
        "answered": True,
    }
    return {
        "id": name,
        "at": 1_740_000_000_000_000,
        "route": "/invocations",
        "status": 200,
        "ms": 1.5,
        "cpu": 0.5,
        "count": 1,
        "error": None,
        "worker": 0,
        "parts": [part],
    }


def collector(tmp_path: Path) -> Collector:
    from fullcircle.datasets import StreamTableDataset

    tables = [StreamTableDataset(filepath=str(tmp_path / name)) for name in ("asked", "told")]
    return Collector(tmp_path / "journal", *tables)


def logged(tmp_path: Path, name: str = "asked") -> list[str]:
    from fullcircle.datasets import StreamTableDataset

    rows = StreamTableDataset(filepath=str(tmp_path / name)).load().to_pyarrow().to_pylist()
    return sorted(row["request_id"] for row in rows)


def test_kill_loses_no_line_that_was_answered(tmp_path: Path) -> None:
    """After kill -9, every line whose writing had returned is in the journal, once."""
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(300)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    adopt_orphans(tmp_path)
    assert not list(tmp_path.glob("*.open"))
    found = [e["n"] for path in sorted(tmp_path.glob("*.jsonl")) for e in read_segment(path)]
    answered = [int(line) for line in said if line.endswith("\n")]
    assert sorted(found)[: len(answered)] == answered
    assert len(found) == len(set(found)) <= len(answered) + 1


def test_segment_of_the_living_is_left_alone(tmp_path: Path) -> None:
    """A segment that a worker still writes to is nobody else's, until it closes it."""
    journal = RequestLog(tmp_path, 60, 2**20)
    journal.append({"n": 1})
    adopt_orphans(tmp_path)
    assert list(tmp_path.glob("*.open"))
    journal.close()
    assert [e["n"] for path in tmp_path.glob("*.jsonl") for e in read_segment(path)] == [1]


def test_half_a_line_is_none(tmp_path: Path) -> None:
    """A last line that was cut off is left out, and those before it are read."""
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2}\n{"n": 3')
    assert [e["n"] for e in read_segment(path)] == [1, 2]


def test_full_disk_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk refuses, lines wait and trouble is told; afterwards all are there."""
    journal = RequestLog(tmp_path, 60, 2**20)
    journal.append({"n": 0})
    real = os.write

    def refuse(handle: int, content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", refuse)
    for number in range(1, 4):
        journal.append({"n": number})
    assert "No space left" in str(journal.trouble)
    assert journal.waiting == 3
    monkeypatch.setattr(os, "write", lambda handle, content: real(handle, content[:4]))
    journal.turn()
    assert journal.waiting == 3
    monkeypatch.setattr(os, "write", real)
    journal.turn()
    journal.close()
    assert (journal.trouble, journal.waiting, journal.lost) == (None, 0, 0)
    found = [e["n"] for path in sorted(tmp_path.glob("*.jsonl")) for e in read_segment(path)]
    assert sorted(found) == [0, 1, 2, 3]


def test_memory_is_bounded_while_the_disk_refuses(tmp_path: Path) -> None:
    """Beyond what may wait, the oldest lines are given up, and counted."""
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    journal = RequestLog(blocked, 60, 1000)
    for number in range(100):
        journal.append({"n": number, "text": "x" * 80})
    assert journal.waiting + journal.lost == 100
    assert 0 < journal.waiting <= 11


def test_broken_log_stops_no_answer_and_is_told(stage: Stage) -> None:
    """With a journal that cannot be written, answers go on and /health says degraded."""
    stage.crown()
    stage.fetch()
    stage.folder.journal.write_text("a file where a folder should be", encoding="utf-8")
    with opened(stage) as client:
        assert client.predict(FULL)["decisions"]
        health = client.ask("GET", "/health").json()
        assert health == {"status": "degraded", "log": "broken", "files": "ok"}
        assert "journal" in client.ask("GET", "/status").json()["log"]["trouble"]
        stage.folder.journal.unlink()
        client.endpoint.journal.turn()
        assert client.ask("GET", "/health").json()["status"] == "ok"
    assert len(stage.log("predictions")) == 1


@pytest.mark.parametrize("die_at", ["asked", "told", "forget"])
def test_collector_that_dies_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, die_at: str
) -> None:
    """Wherever a collector dies, the next one brings each line to each table once."""
    journal = RequestLog(tmp_path / "journal", 60, 2**20)
    for name in "abc":
        journal.append(entry(name))
    journal.close()
    dying = collector(tmp_path)
    honest = dying._append

    def append(table: Any, *rest: Any) -> None:
        if table.path.name == die_at:
            raise StorageError("dies here")
        honest(table, *rest)

    monkeypatch.setattr(dying, "_append", append)
    if die_at == "forget":
        monkeypatch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyError))
    with pytest.raises((StorageError, KeyError)):
        dying.collect()
    monkeypatch.undo()
    journal.append(entry("d"))
    journal.close()
    fresh = collector(tmp_path)
    fresh.collect()
    assert logged(tmp_path, "asked") == logged(tmp_path, "told") == list("abcd")
    assert fresh.collect() == 0
    assert not list((tmp_path / "journal").iterdir())


def test_log_says_what_was_asked_and_answered(stage: Stage) -> None:
    """A row of the log holds features, entity, prediction, role, version, latency and request."""
    stage.crown()
    stage.fetch()
    with opened(stage) as client:
        answer = client.predict({**FULL, "who": 3, "id": 17}, {**FULL, "size": -2.0})
        client.refuse({"size": 1})
    first, second = sorted(stage.log("predictions"), key=lambda row: row["row"])
    assert first["request_id"] == answer["request_id"]
    assert (first["row_id"], json.loads(first["entity"])) == ("17", {"who": 3})
    assert json.loads(first["features"]) == FULL
    assert first["predicted"] == answer["predictions"][0][1]
    assert (first["role"], first["model_version"], first["decision"]) == (
        "champion",
        "1",
        answer["decisions"][0],
    )
    assert json.loads(second["features"])["size"] == -2.0
    asked = {row["status"]: row for row in stage.log("requests")}
    assert (asked[200]["rows"], asked[200]["error"]) == (2, None)
    assert asked[200]["latency_ms"] > 0
    assert asked[200]["cpu_ms"] > 0
    assert abs(asked[200]["answered_at"].timestamp() - time.time()) < 300
    assert "lacks the column" in asked[400]["error"]


def test_a_log_that_the_supervisor_cannot_write_is_told(stage: Stage) -> None:
    """A table that refuses shows in /health of every worker, and its mending too."""
    with opened(stage) as client:
        for log, said in (("the table refuses", "degraded"), ("ok", "ok")):
            write_json(stage.folder.status, {"log": log})
            client.endpoint.state._status.changed()
            assert client.ask("GET", "/health").json()["status"] == said
