"""What is expected of the service, and what it costs."""

from pydantic import Field

from fullcircle.core.contract import Clock, Settings


class ServiceSettings(Settings):
    """What is expected of the service, and what it costs; None expects nothing.

    Attributes:
        window_days: Days of the log that are reported on.
        min_requests: Fewer requests give no verdict.
        max_p95_ms: 95 of 100 requests are answered within so many milliseconds.
        max_p99_ms: 99 of 100 are.
        max_error_share: Share of requests that the service may fail (status 500 and above).
        min_rows_per_second: Predictions a second that it has given in its busiest minute.
        price_per_hour: What the machine costs an hour; the one place for it. None leaves money out.
        currency: Of the price.
        change_at: A moment before and after which the costs are compared; None compares nothing.
    """

    window_days: int = Field(default=7, ge=1)
    min_requests: int = Field(default=100, ge=1)
    max_p95_ms: float | None = Field(default=200.0, gt=0)
    max_p99_ms: float | None = Field(default=None, gt=0)
    max_error_share: float | None = Field(default=0.01, ge=0, le=1)
    min_rows_per_second: float | None = Field(default=None, gt=0)
    price_per_hour: float | None = Field(default=None, ge=0)
    currency: str = "EUR"
    change_at: Clock | None = None
