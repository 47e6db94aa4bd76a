"""A topic of a Kafka-compatible broker, to which others send records."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from time import monotonic
from typing import Any

import numpy as np
import pyarrow as pa
from kedro.io import AbstractDataset, DatasetError

from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.storage.json_records import parse_lines
from fullcircle.storage.record_blocks import BadRecord, Block
from fullcircle.storage.record_sources import AvailableParts, SourcePart

_PATIENCE_SECONDS = 10
_AT_ONCE = 10_000


class RecordTopicDataset(AbstractDataset[None, list[SourcePart]]):
    """Reads records, one object of JSON each, by their offsets in the partitions of a topic.

    Which offsets are done stands in the stream's own tables, so that a record is scored once: the
    broker is told nothing, and no group of consumers is joined.

    Example:
        ```yaml
        stream_source:
          type: fullcircle.datasets.RecordTopicDataset
          broker: localhost:9092
          topic: reviews
          options: {security.protocol: SSL, ssl.ca.location: ca.pem}
        ```
    """

    stable_seconds = 0.0

    def __init__(
        self,
        *,
        broker: str,
        topic: str,
        piece_records: int = _AT_ONCE,
        options: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the topic.

        Args:
            broker: ``host:port``, or several with commas.
            topic: Its name.
            piece_records: Most records of a partition that are scored together.
            options: What librdkafka takes beside, such as ``security.protocol``.
            credentials: The same, from ``conf/local/credentials.yml``: ``sasl.password``.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._broker, self._topic, self._piece_records = broker, topic, piece_records
        self._options = {**(options or {}), **(credentials or {})}
        self.metadata = metadata

    @property
    def address(self) -> str:
        """Broker and topic."""
        return f"{self._topic} at {self._broker}"

    def load(self) -> list[SourcePart]:
        """List the ranges of offsets."""
        return self.look({}).pieces

    def look(self, known: Mapping[str, SourcePart]) -> AvailableParts:
        """List the ranges of offsets that are not known, partition by partition.

        Raises:
            StorageError: No broker answers, or it has no such topic.
        """
        ends = self._find_ends(known)
        pieces = []
        for partition in self._list_partitions():
            low, high = self._ask(
                lambda p=partition: self._consumer.get_watermark_offsets(
                    self._place(p), timeout=_PATIENCE_SECONDS
                )
            )
            first = max(low, ends.get(partition, 0))
            now = datetime.now(UTC).replace(microsecond=0)
            for start in range(first, high, self._piece_records):
                stop = min(start + self._piece_records, high)
                pieces.append(SourcePart(self._name(partition, start, stop), stop - start, now))
        return AvailableParts(pieces, [])

    def _list_partitions(self) -> list[int]:
        found = self._ask(lambda: self._consumer.list_topics(self._topic, _PATIENCE_SECONDS))
        topic = found.topics[self._topic]
        if topic.error is not None or not topic.partitions:
            raise StorageError(f"The broker at {self._broker} has no topic {self._topic!r}.")
        return sorted(topic.partitions)

    def _name(self, partition: int, start: int, stop: int) -> str:
        return f"{self._topic}/{partition}/{start}-{stop}"

    def _find_ends(self, known: Mapping[str, SourcePart]) -> dict[int, int]:
        """Find how far each partition is known."""
        ends: dict[int, int] = {}
        for name in known:
            topic, _, place = name.partition("/")
            if topic == self._topic:
                partition, _, offsets = place.partition("/")
                stop = int(offsets.partition("-")[2])
                ends[int(partition)] = max(ends.get(int(partition), 0), stop)
        return ends

    def read(self, piece: SourcePart, schema: pa.Schema) -> Iterator[Block]:
        """Read the records of a range; their numbers are their offsets.

        Raises:
            StorageError: The broker stops answering.
        """
        _, partition, offsets = piece.name.rsplit("/", 2)
        start, stop = map(int, offsets.split("-"))
        values: list[bytes] = []
        numbers: list[int] = []
        empty: list[BadRecord] = []
        for offset, value in self._consume(int(partition), start, stop):
            if value is None:
                empty.append(BadRecord(offset, "has no value"))
            else:
                values.append(value)
                numbers.append(offset)
        if not numbers and not empty:
            gone = f"offsets {start} to {stop} are gone from the broker"
            empty.append(BadRecord(None, gone))
        yield Block(schema.empty_table(), pa.array([], pa.int64()), empty)
        if values:
            yield parse_lines(values, np.array(numbers), schema)

    def _consume(self, partition: int, start: int, stop: int) -> Iterator[tuple[int, Any]]:
        """Give offsets and values; a range may have gaps, and end before its last offset."""
        import confluent_kafka as kafka

        self._ask(lambda: self._consumer.assign([self._place(partition, start)]))
        heard = monotonic()
        while True:
            message = self._consumer.poll(1.0)
            if message is None:
                if monotonic() - heard > _PATIENCE_SECONDS:
                    raise StorageError(f"The broker at {self._broker} stopped answering.")
                continue
            heard = monotonic()
            error = message.error()
            if error is not None and error.code() == kafka.KafkaError._PARTITION_EOF:
                return
            if error is not None:
                raise StorageError(f"The broker at {self._broker} answers: {error.str()}.")
            if message.offset() >= stop:
                return
            yield message.offset(), message.value()
            if message.offset() == stop - 1:
                return

    def _place(self, partition: int, offset: int | None = None) -> Any:
        import confluent_kafka as kafka

        place = (self._topic, partition) if offset is None else (self._topic, partition, offset)
        return kafka.TopicPartition(*place)

    def _ask(self, question: Any) -> Any:
        import confluent_kafka as kafka

        try:
            return question()
        except kafka.KafkaException as error:
            raise StorageError(
                f"No broker answers at {self._broker}: {error.args[0].str()}. Start it, or correct "
                "the address."
            ) from error

    @cached_property
    def _consumer(self) -> Any:
        try:
            import confluent_kafka as kafka
        except ImportError as error:
            raise ConfigurationError(
                "A topic needs a client for Kafka: pip install 'fullcircle[kafka]'."
            ) from error
        given = {
            "bootstrap.servers": self._broker,
            "group.id": "fullcircle",  # asked for, though no group is joined
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "auto.offset.reset": "earliest",
            "log_level": 0,  # what fails is said once, by us
        }
        return kafka.Consumer(given | self._options)

    def release(self) -> None:
        """Leave the broker."""
        if "_consumer" in self.__dict__:
            self.__dict__.pop("_consumer").close()

    def save(self, data: None) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: others send the records."""
        raise DatasetError(f"Records are sent to {self.address} by others.")

    def _describe(self) -> dict[str, Any]:
        return {"broker": self._broker, "topic": self._topic}
