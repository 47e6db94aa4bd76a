"""Faults: a full disk, files that refuse, and the end; no answer is lost without being counted."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.serving.stage import FULL, HTTP, Stage, opened, served, wait_until

from fullcircle.serving import request_log as journals
from fullcircle.serving.request_log import RequestLog, adopt_orphans, read_segment
from fullcircle.serving.runtime_dir import RuntimeDir, keep_reserve, read_json
from fullcircle.serving.sockets import bind_socket
from fullcircle.serving.status import describe_end
from fullcircle.serving.supervisor import Supervisor

BODY = {"dataframe_records": [FULL]}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of eight megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leave no room on a disk."""
    path = disk / "filler"
    with path.open("ab", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    return path


def found(folder: Path) -> list[int]:
    """Numbers of the entries in a journal."""
    adopt_orphans(folder)
    return sorted(e["n"] for path in folder.glob("*.jsonl") for e in read_segment(path))


def test_a_full_disk_is_survived(disk: Path) -> None:
    """First the room that is kept is used, then lines wait; with room again, all are there."""
    noted: list[tuple[int, int]] = []
    reserve, folder = disk / "reserve.bin", disk / "journal"
    assert keep_reserve(reserve, 2**20)
    journal = RequestLog(
        folder, 60, 2**20, reserve, lambda waiting, lost: noted.append((waiting, lost))
    )
    assert journal.append({"n": 0})
    filler = fill(disk)
    assert journal.append({"n": 1, "text": "x" * 10_000})
    assert not reserve.exists()
    assert not noted
    fill(disk)
    assert not journal.append({"n": 2, "text": "x" * 10_000})
    assert not keep_reserve(reserve, 2**20)
    assert "No space left" in str(journal.trouble)
    assert noted == [(1, 0)]
    filler.unlink()
    journal.turn()
    journal.close()
    assert noted == [(1, 0), (0, 0)]
    assert found(folder) == [0, 1, 2]
    assert keep_reserve(reserve, 2**20)


def test_a_segment_is_never_seen_without_its_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An adoption between the opening and the locking of a segment takes it from nobody."""
    honest = fcntl.flock

    def adopt_first(handle: int, how: int) -> None:
        monkeypatch.setattr(journals.fcntl, "flock", honest)
        adopt_orphans(tmp_path)
        honest(handle, how)

    monkeypatch.setattr(journals.fcntl, "flock", adopt_first)
    journal = RequestLog(tmp_path, 60, 2**20)
    journal.append({"n": 1})
    assert [path.suffix for path in tmp_path.iterdir()] == [".open"]
    journal.append({"n": 2})
    journal.close()
    assert found(tmp_path) == [1, 2]


@pytest.mark.parametrize(("policy", "status"), [("answer", 200), ("refuse", 503)])
def test_an_answer_that_cannot_be_logged_follows_the_policy(
    ready: Stage, policy: str, status: int
) -> None:
    """Where no line can be written, it is answered and said, or refused, as is declared."""
    ready.plan(log={"when_full": policy})
    ready.folder.journal.write_text("a file where a folder should be", encoding="utf-8")
    with opened(ready) as client:
        answer = client.ask("POST", "/invocations", json=BODY)
        assert answer.status_code == status
        assert client.ask("GET", "/health").json()["log"] == "broken"
        waiting = client.endpoint.journal.waiting
        ready.folder.journal.unlink()
        client.endpoint.journal.turn()
        assert client.ask("POST", "/invocations", json=BODY).status_code == 200
    kept = [row["status"] for row in ready.log("requests")]
    assert kept == [status, 200]
    assert len(ready.log("predictions")) == (2 if status == 200 else 1)
    assert waiting == 1


def test_the_supervisor_survives_its_own_files(
    ready: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that its files or folders do ends the supervisor's turn, and each fault is said."""
    with bind_socket("127.0.0.1", 0) as listener:
        supervisor = Supervisor([ready.folder], listener)
        [upkeep] = supervisor.problems
        ready.folder.roles.write_bytes(b"{")
        ready.folder.workers.mkdir(parents=True, exist_ok=True)
        (ready.folder.workers / "0.json").write_bytes(b"[[[")
        upkeep._fetcher.asked = True

        def refuse(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("fullcircle.serving.model_updates.write_json", refuse)
        monkeypatch.setattr(supervisor.workers, "_start", refuse)
        for act in (supervisor._idle, supervisor.workers.start_missing):
            assert not supervisor._attempts.make(act)
        supervisor._report()
        assert any("roles.json" in text for text in upkeep.said["files"])
        assert any("No space left" in text for text in upkeep.attempts.failing.values())
        assert upkeep.said["state"] == "serving"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"state": "stopped", "log": "ok", "unlogged": 0}, "Every answer is in the log"),
        ({"state": "stopped", "log": "ok", "unlogged": 81}, "81 answers are in no log"),
        ({"state": "stopped", "log": "disk full", "unlogged": 0}, "next kedro serve"),
        ({"state": "serving", "log": "ok"}, "last word could not be written"),
    ],
)
def test_the_last_line_is_true(said: dict[str, Any], line: str) -> None:
    """What is said at the end is what became of the answers."""
    assert line in describe_end(said)


def test_a_full_disk_ends_no_endpoint(ready: Stage, disk: Path) -> None:
    """On a full disk all are answered; what was said is logged later, or counted as lost."""
    ready.folder = RuntimeDir(disk / "endpoint")
    ready.plan(log={"reserve_mb": 0.25, "segment_seconds": 0.2, "commit_seconds": 0.5})
    said: list[str] = []

    def ask(count: int) -> None:
        for _ in range(count):
            answer = HTTP.post(f"{address}/invocations", json=BODY, timeout=30)
            assert answer.status_code == 200, answer.text
            said.append(answer.json()["request_id"])

    with served(ready) as (address, process):
        ask(5)
        filler = fill(disk)
        ask(400)
        wait_until(lambda: HTTP.get(f"{address}/health").json()["status"] == "degraded")
        assert process.poll() is None
        filler.unlink()
        wait_until(lambda: HTTP.get(f"{address}/health").json()["status"] == "ok")
        ask(5)
        wait_until(lambda: len(ready.log("requests")) >= 410)
        fill(disk)
        while (disk / "endpoint" / "reserve.bin").exists():
            ask(10)
        fill(disk)
        ask(200)
        process.terminate()
        assert process.wait(60) == 0
    last = (ready.path / "serve.log").read_text("utf-8").splitlines()[-1]
    (disk / "filler").unlink()
    logged = {row["request_id"] for row in ready.log("requests")}
    lost = set(said) - logged
    assert not lost or f"{len(lost)} answers are in no log" in last
    assert set(said[:410]) <= logged
    assert read_json(ready.folder.roles)["roles"]


def test_old_days_of_the_log_are_forgotten(ready: Stage) -> None:
    """Days older than they are kept leave both tables; the others stay."""
    with opened(ready) as client:
        client.predict(FULL)
    assert len(ready.log("predictions")) == 1
    today = datetime.now(UTC).date()
    collector = ready.collector()
    collector._keep_days = 30

    def left(day: date) -> list[int]:
        collector.forget_old_days(day)
        return [len(ready.log(name)) for name in ("requests", "predictions")]

    assert left(today + timedelta(days=30)) == [1, 1]
    assert left(today + timedelta(days=31)) == [0, 0]
