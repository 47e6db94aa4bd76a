"""Tests of sending alerts: a real SMTP server and a real HTTP receiver on loopback."""

import json
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from kedro.io import DatasetError

from fullcircle.datasets import AlertsDataset
from fullcircle.notifications.channels import conceal

SECRET = "hush-hush-token"  # noqa: S105 - made up


def notice(key: str = "drift:age", severity: str = "warning", state: str = "new") -> dict[str, Any]:
    facts = {"what": f"{key} moved", "since": "2025-01-01T00:00:00+00:00", "how_much": "by 3"}
    return {"key": key, "state": state, "severity": severity, **facts, "what_to_do": "repair"}


def decided(*notices: dict[str, Any], as_of: str = "2025-01-01", **more: Any) -> dict[str, Any]:
    memory = {"as_of": f"{as_of}T00:00:00+00:00", "alerts": {n["key"]: {} for n in notices}}
    return {
        "as_of": as_of,
        "dry_run": False,
        "notices": list(notices),
        "open": [],
        "memory": memory,
        **more,
    }


def make(folder: Path, channels: dict[str, Any] | None = None) -> AlertsDataset:
    return AlertsDataset(
        filepath=str(folder / "alerts"),
        name="shop",
        dashboard={"filepath": "dashboard.html"},
        credentials=channels,
        wait_seconds=0.01,
    )


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "alerts" / "alerts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


class Receiver:
    """An HTTP receiver that refuses as often as it is told to."""

    def __init__(self, port: int = 0) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.asked = 0
        self.refuse = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked += 1
                if receiver.refuse:
                    receiver.refuse -= 1
                    self.send_error(503, SECRET)
                    return
                receiver.bodies.append(json.loads(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)

    @property
    def address(self) -> str:
        return f"json://127.0.0.1:{self.server.server_address[1]}/{SECRET}"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that listens."""
    found = Receiver()
    thread = Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


class Mailbox:
    """Takes mail from a real SMTP server."""

    def __init__(self) -> None:
        self.mails: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    mailbox = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


def test_without_channels_alerts_are_lines_of_a_file(tmp_path: Path) -> None:
    """Each notice is a line with all its facts and the link; quiet runs add none."""
    alerts = make(tmp_path)
    alerts.save(decided(notice(), notice("data:x", "critical")))
    alerts.save(decided())
    first, second = lines(tmp_path)
    assert {"at", "severity", "what", "since", "how_much", "what_to_do", "state"} <= first.keys()
    assert first["links"]["dashboard"].endswith("dashboard.html")
    assert second["severity"] == "critical"
    assert alerts.load()["sent"] == []


def test_a_mail_arrives_at_a_real_server(tmp_path: Path) -> None:
    """An e-mail channel delivers title and text by SMTP, to the declared receiver."""
    with mail_server() as (mailbox, port):
        address = f"mailto://127.0.0.1:{port}?from=circle@shop.test&to=team@shop.test&mode=insecure"
        make(tmp_path, {"team": address}).save(decided(notice()))
    [mail] = mailbox.mails
    assert str(make_header(decode_header(mail["Subject"]))) == "shop: drift:age moved"
    assert "team@shop.test" in mail["To"]
    parts = [part for part in mail.walk() if part.get_content_type() == "text/plain"]
    assert b"to do: repair" in parts[0].get_payload(decode=True)


def test_a_webhook_receives_one_message_per_run(tmp_path: Path, receiver: Receiver) -> None:
    """Many notices are one message, whose type says how severe the worst of them is."""
    make(tmp_path, {"hook": receiver.address}).save(
        decided(notice("data:x", "critical"), notice(), notice("drift:b", state="over"))
    )
    [body] = receiver.bodies
    assert body["title"] == "shop: data:x moved and 2 more"
    assert body["type"] == "failure"
    assert "over: drift:b moved" in body["message"]


def test_each_channel_gets_what_is_severe_enough_for_it(tmp_path: Path, receiver: Receiver) -> None:
    """A channel for critical alerts is not told of warnings."""
    pager = {"pager": {"address": receiver.address, "at_least": "critical"}}
    alerts = make(tmp_path, pager)
    alerts.save(decided(notice()))
    assert receiver.bodies == []
    alerts.save(decided(notice(), notice("data:x", "critical")))
    assert receiver.bodies[0]["title"] == "shop: data:x moved"


def test_a_failing_channel_is_tried_again(tmp_path: Path, receiver: Receiver) -> None:
    """Two refusals and an acceptance are one delivery within the same save."""
    receiver.refuse = 2
    alerts = make(tmp_path, {"hook": receiver.address})
    alerts.save(decided(notice()))
    assert (receiver.asked, len(receiver.bodies)) == (3, 1)
    assert alerts.load()["channels"] == {"hook": "1 sent"}


def test_a_dead_channel_stops_nothing_and_catches_up(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """What a channel did not take is reported, kept, and sent in order once it listens again.

    The other channels are not kept waiting, and nothing tells the address.
    """
    receiver.refuse = 3
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"json://127.0.0.1:{free.getsockname()[1]}/{SECRET}"
    alerts = make(tmp_path, {"dead": dead, "hook": receiver.address})
    with caplog.at_level(logging.DEBUG):
        alerts.save(decided(notice()))
    told = alerts.load()["channels"]
    assert told["dead"].startswith("failed, 1 waiting: ")
    assert "(3 attempts)" in told["hook"]
    alerts.save(decided(notice("data:later"), as_of="2025-01-02"))
    assert [body["title"] for body in receiver.bodies] == [
        "shop: drift:age moved",
        "shop: data:later moved",
    ]
    assert alerts.load()["channels"]["dead"].startswith("failed, 2 waiting: ")
    written = "".join(p.read_text("utf-8") for p in (tmp_path / "alerts").iterdir())
    assert SECRET not in written + caplog.text + str(alerts)
    assert len(lines(tmp_path)) == 2


def test_what_a_crash_left_unsent_is_sent_with_the_next_save(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that dies before it sends has written down what to send."""
    alerts = make(tmp_path, {"hook": receiver.address})

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("fullcircle.datasets.alerts_dataset.send", die)
        with pytest.raises(KeyboardInterrupt):
            alerts.save(decided(notice()))
    assert receiver.bodies == []
    alerts.save(decided(as_of="2025-01-02"))
    assert [body["title"] for body in receiver.bodies] == ["shop: drift:age moved"]


def test_a_dry_run_sends_and_remembers_nothing(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """A dry run says in the log what would be sent, and the next run sends it."""
    alerts = make(tmp_path, {"hook": receiver.address})
    with caplog.at_level(logging.INFO):
        alerts.save(decided(notice(), dry_run=True))
    assert "Dry run, to hook: shop: drift:age moved" in caplog.text
    assert receiver.asked == 0
    assert not (tmp_path / "alerts" / "state.json").exists()
    assert not (tmp_path / "alerts" / "alerts.jsonl").exists()
    assert alerts.load()["dry_run"] is True


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nosuch://a-secret-thing", "its address is none that Apprise knows"),
        ({"adress": "json://a-secret-thing"}, "give an address, or address and at_least"),
        (
            {"address": "json://a-secret-thing", "at_least": "fatal"},
            "at_least 'fatal' is not one of: info, warning, critical",
        ),
        (7, "give an address, or address and at_least"),
    ],
)
def test_a_channel_that_cannot_be_meant_is_reported(tmp_path: Path, given: Any, said: str) -> None:
    """A wrong declaration stops nothing, is named, and is not repeated in the report."""
    alerts = make(tmp_path, {"team": given})
    alerts.save(decided(notice()))
    told = alerts.load()["channels"]["team"]
    assert said in told
    assert "a-secret-thing" not in told


def test_alerts_before_the_first_monitoring_are_explained(tmp_path: Path) -> None:
    """Reading alerts that were never made says what to do, in one line."""
    with pytest.raises(DatasetError) as caught:
        make(tmp_path).load()
    assert "There are no alerts" in str(caught.value.__cause__ or caught.value)


def test_every_part_of_an_address_is_concealed() -> None:
    """Tokens, users and passwords are taken out of what a channel says, escaped or not."""
    said = conceal("refused s3cr%40t and s3cr@t by host.test", "mailtos://u:s3cr%40t@host.test/x")
    assert said == "refused … and … by …"


def test_channels_can_be_tried(tmp_path: Path, receiver: Receiver) -> None:
    """A test reaches every channel at once, remembers nothing, and tells who did not take it."""
    alerts = make(tmp_path, {"hook": receiver.address, "bad": "nosuch://x"})
    assert alerts.try_channels() == {
        "hook": None,
        "bad": "its address is none that Apprise knows (1 attempts)",
    }
    assert receiver.bodies[0]["title"] == "shop: a test"
    assert not (tmp_path / "alerts").exists()


def test_the_run_is_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server an alert links the run's page, without user and password; else it names it."""
    run = "0123456789abcdef"
    monkeypatch.setattr("fullcircle.datasets.alerts_dataset.active_run_id", lambda: run)
    monkeypatch.setattr("mlflow.log_artifact", lambda *_: None)
    monkeypatch.setattr("mlflow.log_metrics", lambda *_: None)
    info = SimpleNamespace(info=SimpleNamespace(experiment_id="7"))
    monkeypatch.setattr("mlflow.get_run", lambda _: info)
    alerts = make(tmp_path)
    expected = {
        "sqlite:///mlflow.db": run,
        f"https://me:{SECRET}@host.test/mlflow": f"https://host.test/mlflow/#/experiments/7/runs/{run}",
    }
    for address, link in expected.items():
        monkeypatch.setattr("mlflow.get_tracking_uri", lambda address=address: address)
        alerts.save(decided(notice()))
        assert lines(tmp_path)[-1]["links"]["MLflow run"] == link


def opened(*notices: dict[str, Any], as_of: str, new: bool) -> dict[str, Any]:
    """A decision in which alerts are open; told now where they are new, else told before."""
    data = decided(*(notices if new else ()), as_of=as_of)
    entries = {n["key"]: {**n, "open": True, "announced": True} for n in notices}
    data["memory"] = {**data["memory"], "alerts": entries}
    return {**data, "open": list(notices)}


def test_a_channel_that_is_declared_after_an_alarm_is_told_once(
    tmp_path: Path, receiver: Receiver
) -> None:
    """What is open goes to a new channel with the next save, by its severity, and not again."""
    alarms = (notice("drift:age"), notice("data:x", "critical"))
    make(tmp_path).save(opened(*alarms, as_of="2025-01-01", new=True))
    late = make(tmp_path, {"late": {"address": receiver.address, "at_least": "critical"}})
    assert late.list_newcomers() == {"late": 1}
    late.save(opened(*alarms, as_of="2025-02-01", new=False))
    [message] = receiver.bodies
    assert "still: data:x moved" in message["title"]
    assert "drift:age" not in json.dumps(message)
    assert late.list_newcomers() == {}
    late.save(opened(*alarms, as_of="2025-03-01", new=False))
    assert len(receiver.bodies) == 1


def test_a_first_save_tells_nothing_twice(tmp_path: Path, receiver: Receiver) -> None:
    """A channel that is there from the start gets what is new, once."""
    alerts = make(tmp_path, {"team": receiver.address})
    assert alerts.list_newcomers() == {}
    alerts.save(opened(notice("drift:age"), as_of="2025-01-01", new=True))
    [message] = receiver.bodies
    assert message["message"].count("drift:age moved") == 1
