"""A publisher's file comes whole and as it is known, or not at all; and never unasked."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import chdir
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner, Result

from fullcircle.cli.problem import download, problem
from fullcircle.cli.problem.download import download_file
from fullcircle.core.errors import StorageError
from fullcircle.core.published_files import PublishedFile
from fullcircle.problems.diabetes import published as diabetes
from fullcircle.problems.nyc_taxi import published as taxi
from fullcircle.problems.telco_churn import published as telco

CONTENT = b"a,b\n" + b"1,2\n" * 500_000  # more than one block
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"
PARQUET = b"PAR1" + b"x" * 999 + b"PAR1"


class Publisher(BaseHTTPRequestHandler):
    """Answers as publishers and what stands between do."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        name = self.path.rpartition("/")[2]
        if name == "absent.csv":
            self.send_error(404)
            return
        content = {"page.csv": PAGE, "hidden-page.csv": PAGE, "empty.csv": b""}.get(name, CONTENT)
        content = {"other.csv": CONTENT + b"3,4\n", "huge.csv": CONTENT * 5}.get(name, content)
        content = PARQUET if name.endswith(".parquet") else content
        self.send_response(200)
        kind = "text/html; charset=utf-8" if name == "page.csv" else "application/octet-stream"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:-9] if name.startswith("torn") else content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def publisher() -> Iterator[str]:
    """Give the address of a publisher on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    Publisher.seen.clear()


def offer(address: str, name: str = "good.csv", sha256: str | None = SHA256) -> PublishedFile:
    size = None if sha256 is None else len(CONTENT)
    return PublishedFile(f"raw/{name}", f"{address}/{name}", "somebody", size, sha256)


def test_the_known_file_is_written_whole(publisher: str, tmp_path: Path) -> None:
    """What has the known digest lies at its place, readable, and nothing lies beside it."""
    target = tmp_path / "raw" / "good.csv"
    brought = download_file(offer(publisher), target, None)
    assert target.read_bytes() == CONTENT
    assert (brought.size_bytes, brought.sha256) == (len(CONTENT), SHA256)
    assert [path.name for path in target.parent.iterdir()] == ["good.csv"]
    assert target.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "sha256", "wanted"),
    [
        ("torn.csv", SHA256, "was cut off: 1,999,995 of 2,000,004 bytes came"),
        ("torn.csv", None, "was cut off"),
        ("other.csv", SHA256, "is another file than the known one.*--new-edition"),
        ("page.csv", SHA256, "answered with a web page instead of the file"),
        ("hidden-page.csv", None, "answered with a web page instead of the file"),
        ("absent.csv", SHA256, "answered 404"),
        ("empty.csv", None, "is empty"),
        ("huge.csv", SHA256, "is larger than"),
    ],
)
def test_a_wrong_file_is_refused_and_nothing_stays(
    publisher: str, tmp_path: Path, name: str, sha256: str | None, wanted: str
) -> None:
    """A file that was cut off, replaced or is none is refused in one line; no byte of it stays."""
    with pytest.raises(StorageError, match=wanted) as caught:
        download_file(offer(publisher, name, sha256), tmp_path / name, None)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays_when_its_successor_fails(
    publisher: str, tmp_path: Path
) -> None:
    """A download that fails does not touch the file that lies at the place already."""
    target = tmp_path / "torn.csv"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(StorageError):
        download_file(offer(publisher, "torn.csv"), target, None)
    assert target.read_text("utf-8") == "mine"


def test_an_interrupted_download_leaves_nothing(
    publisher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle leaves neither the file nor a part of it."""

    def interrupt(*_: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_copy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download_file(offer(publisher), tmp_path / "good.csv", None)
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_the_address_is_one_line(tmp_path: Path) -> None:
    """An address that cannot be reached is said, with proxies and mirrors as the ways around."""
    with pytest.raises(StorageError, match=r"cannot be reached: .*HTTPS_PROXY.*--from.*RAW_DIR"):
        download_file(offer("http://127.0.0.1:1"), tmp_path / "good.csv", None)


def test_another_edition_is_taken_only_as_asked(publisher: str, tmp_path: Path) -> None:
    """What the publisher has changed is kept where a person says so, and its digest is given."""
    brought = download_file(
        offer(publisher, "other.csv"), tmp_path / "a.csv", None, new_edition=True
    )
    assert brought.sha256 == hashlib.sha256(CONTENT + b"3,4\n").hexdigest()
    assert "another edition" in brought.checked


def test_an_unknown_month_must_be_a_parquet_file(publisher: str, tmp_path: Path) -> None:
    """Without a known digest, the file's own marks at both ends are what is held against it."""
    fine = PublishedFile("a.parquet", f"{publisher}/a.parquet", "somebody")
    assert "not known beforehand" in download_file(fine, tmp_path / "a.parquet", None).checked
    text = PublishedFile("b.parquet", f"{publisher}/good.csv", "somebody")
    with pytest.raises(StorageError, match=r"no whole Parquet file"):
        download_file(text, tmp_path / "b.parquet", None)
    assert not (tmp_path / "b.parquet").exists()


def test_a_proxy_is_asked(publisher: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a proxy in the environment, a host that nobody else could find is had through it."""
    monkeypatch.setenv("http_proxy", publisher)
    download_file(offer("http://publisher.invalid"), tmp_path / "good.csv", None)
    assert Publisher.seen == ["http://publisher.invalid/good.csv"]


@pytest.mark.parametrize("flat", [True, False])
def test_a_folder_is_a_mirror(tmp_path: Path, flat: bool) -> None:
    """A folder gives the file, under its path or its name alone, and is held to the digest too."""
    mirror = tmp_path / "mirror" / ("" if flat else "raw")
    mirror.mkdir(parents=True)
    (mirror / "good.csv").write_bytes(CONTENT)
    file = offer("http://publisher.invalid")
    assert download_file(file, tmp_path / "a.csv", str(tmp_path / "mirror")).sha256 == SHA256
    (mirror / "good.csv").write_bytes(CONTENT[:-4])
    with pytest.raises(StorageError, match="another file than the known one"):
        download_file(file, tmp_path / "b.csv", str(tmp_path / "mirror"))
    with pytest.raises(StorageError, match=r"holds no raw/good\.csv"):
        download_file(file, tmp_path / "c.csv", str(tmp_path))


def test_an_address_is_a_mirror_whose_password_is_not_shown(publisher: str, tmp_path: Path) -> None:
    """A mirror's address is asked for the same path; a password in it is in no message."""
    download_file(offer("http://publisher.invalid"), tmp_path / "good.csv", f"{publisher}/mirror/")
    assert Publisher.seen == ["/mirror/raw/good.csv"]
    with pytest.raises(StorageError) as caught:
        download_file(offer("x"), tmp_path / "x.csv", "http://me:secret@127.0.0.1:1")
    assert "secret" not in str(caught.value)


@pytest.fixture
def say(new_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Give ``kedro problem fetch`` in a project whose RAW_DIR is the folder raw."""
    project = new_project(simulation=None)
    monkeypatch.setenv("RAW_DIR", "raw")

    def call(*words: str) -> Result:
        with chdir(project.path):
            return CliRunner().invoke(problem, ["fetch", *words])

    return call


def test_nothing_is_fetched_unasked(
    say: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --yes the command shows address, size and digest, and opens no connection."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(download, "build_opener", refuse)
    for name, file in (("telco_churn", telco), ("diabetes", diabetes), ("nyc_taxi", taxi)):
        result = say(name, "--json")
        assert result.exit_code == 0, result.output
        [first, *_] = json.loads(result.output)
        assert first["address"] == file.FILES[0].address
        assert first["sha256"] == file.FILES[0].sha256
        assert first["state"] == "absent"
    assert "1 absent, nothing was fetched. Fetch: add --yes." in say("telco_churn").output


def test_the_real_files_are_the_known_ones(
    say: Callable[..., Result], real_data: Path, tmp_path: Path
) -> None:
    """A mirror of the publishers' files is taken: sizes and digests that are known are theirs."""
    for name in ("telco_churn", "diabetes", "nyc_taxi"):
        result = say(name, "--from", str(real_data), "--yes", "--json")
        assert result.exit_code == 0, result.output
        assert {row["state"] for row in json.loads(result.output)} == {"fetched"}
        again = say(name, "--from", str(real_data), "--yes", "--json")
        assert {row["state"] for row in json.loads(again.output)} == {"there"}
    raw = tmp_path / "project" / "raw"
    assert (raw / "nyc_taxi" / "green_tripdata_2025-02.parquet").stat().st_size == 1_117_474
    (raw / "diabetes.csv").write_text("mine", encoding="utf-8")
    result = say("diabetes", "--yes")
    assert "Another file lies at" in result.output
    assert (raw / "diabetes.csv").read_text("utf-8") == "mine"


def test_a_month_is_named(say: Callable[..., Result]) -> None:
    """Any month of the TLC may be asked for; what is known of it is said, and what is not."""
    [known, unknown] = json.loads(
        say("nyc_taxi", "--month", "2025-02", "--month", "2025-07", "--json").output
    )
    assert known["sha256"].startswith("b3ffe16a")
    assert unknown["sha256"] == "not known"
    assert unknown["address"].endswith("green_tripdata_2025-07.parquet")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("telco",), "There is no problem 'telco' (nearest: 'telco_churn')"),
        (("telco_churn", "--month", "2025-01"), "has no file a month"),
        (("nyc_taxi", "--month", "2025-13"), "is no month: write 2025-04"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(
    say: Callable[..., Result], words: tuple[str, ...], wanted: str
) -> None:
    """A problem or a month that there is not is refused in one line."""
    result = say(*words)
    assert result.exit_code == 1
    assert wanted in result.output
    assert len(result.output.strip().splitlines()) == 1
