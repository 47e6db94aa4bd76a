"""How the endpoint behaves, as ``parameters_serving.yml`` declares it."""

import logging
from typing import Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from fullcircle.core.contract import Settings, Share

_logger = logging.getLogger(__name__)
_MOVED = {"price_per_hour", "currency"}


class LogSettings(Settings):
    """How predictions reach the log.

    Attributes:
        segment_seconds: A piece of the journal is closed after this long.
        commit_seconds: Closed pieces become one Delta commit this often.
        memory_mb: What a worker keeps, at most, while the journal cannot be written to.
        reserve_mb: Room on the disk that is kept for the journal, for when there is no other.
        when_full: What becomes of an answer that cannot be written down: ``answer`` gives it, keeps
            the line in memory and says degraded; ``refuse`` gives 503 instead.
        keep_days: Older days of the log are deleted; None keeps all.
    """

    segment_seconds: PositiveFloat = 1.0
    commit_seconds: PositiveFloat = 5.0
    memory_mb: PositiveFloat = 32.0
    reserve_mb: PositiveFloat = 32.0
    when_full: Literal["answer", "refuse"] = "answer"
    keep_days: PositiveInt | None = 400


class FallbackSettings(Settings):
    """When the challenger's share goes back to the champion.

    Attributes:
        window_seconds: What is judged: the requests of the last so many seconds.
        min_requests: Fewer of the challenger's say nothing.
        max_error_share: Of its requests, so many may fail.
        max_p95_ms: Its 95th percentile of latency may reach this.
    """

    window_seconds: PositiveFloat = 60.0
    min_requests: PositiveInt = 50
    max_error_share: Share = 0.02
    max_p95_ms: PositiveFloat = 200.0


class ServingSettings(Settings):
    """The endpoint.

    Attributes:
        host: Address to listen at.
        port: Its port; 0 takes any that is free.
        workers: Processes that share the port.
        watch_seconds: The registry is looked at this often.
        max_body_mb: A larger body is refused.
        max_rows: More rows in a request are refused.
        max_columns: More different columns in a request are refused.
        max_cells: More values of columns that a model knows are refused.
        max_explained_rows: So many rows of a request are explained at most.
        max_waiting_mb: With more bytes of bodies being read, a worker says that it is busy.
        max_waiting_rows: With more rows waiting, a worker says that it is busy.
        body_seconds: A body must have arrived after this long.
        max_header_kb: Larger headers are refused.
        max_headers: More of them are refused.
        header_seconds: Headers must have arrived after this long.
        max_connections: A worker answers no more at once; who waits longest makes room.
        max_connections_per_address: Of them, of one address. A proxy is one address.
        requests_per_second: Of one token, or of one address that shows no valid one; None sets no
            limit.
        address_requests_per_second: Of one address, whatever it shows, held before any token is
            looked at. Behind a proxy all clients have its address; None sets no limit.
        burst: So many at once are let through before these limits hold.
        allowed_origins: Web pages that may ask, such as https://shop.example; by default none.
        max_ahead_minutes: How far a request's own moment may lie ahead of the clock.
        max_unreadable_share: Share of a column's values that may be unreadable, and so missing, in
            a request; a larger one rejects it. None takes that of the intake.
        cache_rows: Predictions that a worker remembers by version and features; 0 for none.
        sticky_salt: Another one deals the entities anew to champion and challenger.
        idle_minutes: Without requests for so long, the endpoint stops; None for never.
        log: How predictions reach the log.
        fallback: When the challenger's share goes back to the champion.
    """

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    workers: PositiveInt = 2
    watch_seconds: PositiveFloat = 2.0
    max_body_mb: PositiveFloat = 2.0
    max_rows: PositiveInt = 10_000
    max_columns: PositiveInt = 5_000
    max_cells: PositiveInt = 1_000_000
    max_explained_rows: PositiveInt = 100
    max_waiting_mb: PositiveFloat = 64.0
    max_waiting_rows: PositiveInt = 50_000
    body_seconds: PositiveFloat = 10.0
    max_header_kb: PositiveFloat = 32.0
    max_headers: PositiveInt = 100
    header_seconds: PositiveFloat = 10.0
    max_connections: PositiveInt = 2_000
    max_connections_per_address: PositiveInt = 1_000
    requests_per_second: PositiveFloat | None = None
    address_requests_per_second: PositiveFloat | None = None
    burst: PositiveInt = 100
    allowed_origins: list[str] = Field(default_factory=list)
    max_ahead_minutes: PositiveFloat = 5.0
    max_unreadable_share: float | None = Field(default=None, ge=0, le=1)
    cache_rows: NonNegativeInt = 0
    sticky_salt: str = "fullcircle"
    idle_minutes: PositiveFloat | None = None
    log: LogSettings = LogSettings()
    fallback: FallbackSettings = FallbackSettings()

    @model_validator(mode="before")
    @classmethod
    def _drop_what_moved(cls, given: Any) -> Any:
        """Leave the price to its one place; files of the version before still name it here."""
        if not isinstance(given, dict):
            return given
        for name in _MOVED & given.keys():
            _logger.warning("serving.%s counts no more: the one place is service.%s", name, name)
        return {name: value for name, value in given.items() if name not in _MOVED}
