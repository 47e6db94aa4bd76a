"""How a stream is scored."""

from typing import Any, Literal

from pydantic import Field, PositiveFloat, ValidationError

from fullcircle.core.contract import Settings
from fullcircle.core.errors import ConfigurationError


class StreamSettings(Settings):
    """How a stream is scored.

    Attributes:
        name: Of the stream; two streams into the same tables need two names.
        poll_seconds: How long to wait before looking again, where nothing has arrived.
        batch_pieces: Most pieces (files, versions) in a batch.
        batch_mb: Most megabytes in a batch of several pieces.
        row_ids: ``given`` by the records, or their ``place``: name of the piece and number in it.
        max_lateness_minutes: A record this much before the newest one scored in earlier batches
            is late; None takes all.
        max_ahead_minutes: How far a record's moment may lie ahead of the clock.
        remember_rows: Among how many of the newest scored rows a repeated id is recognised.
    """

    name: str = Field(default="stream", pattern=r"^[\w.-]+$")
    poll_seconds: PositiveFloat = 5.0
    batch_pieces: int = Field(default=64, ge=1)
    batch_mb: PositiveFloat = 64.0
    row_ids: Literal["given", "place"] = "given"
    max_lateness_minutes: PositiveFloat | None = None
    max_ahead_minutes: float = Field(default=5.0, ge=0)
    remember_rows: int = Field(default=1_000_000, ge=0)


def read_settings(given: Any) -> StreamSettings:
    """Read what ``parameters_stream.yml`` says.

    Raises:
        ConfigurationError: Names the parameter and what is wrong with it.
    """
    try:
        return StreamSettings.model_validate(given or {})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(["stream", *map(str, first["loc"])])
        raise ConfigurationError(
            f"A parameter is not valid. {name}: {first['msg']}, given {first['input']!r}."
        ) from error
