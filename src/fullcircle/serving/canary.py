"""When the challenger's share goes back to the champion, without anybody being asked."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from fullcircle.serving.settings import FallbackSettings
from fullcircle.serving.traffic import CHALLENGER

_LATENCY, _FAILURES = "fullcircle_latency_seconds_bucket", "fullcircle_model_failures_total"


@dataclass(frozen=True)
class Counts:
    """How the challenger has fared since the endpoint began.

    Attributes:
        slower: Requests that took no longer than so many seconds, by that many.
        failures: Requests that its model failed.
    """

    slower: Mapping[float, float] = field(default_factory=dict)
    failures: float = 0.0

    def since(self, before: "Counts") -> "Counts":
        """Give what came after another count."""
        slower = {edge: n - before.slower.get(edge, 0.0) for edge, n in self.slower.items()}
        return Counts(slower, self.failures - before.failures)


def count_challenger(text: str) -> Counts:
    """Read the challenger's counts out of the endpoint's metrics."""
    from prometheus_client.parser import text_string_to_metric_families

    slower: dict[float, float] = {}
    failures = 0.0
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.labels.get("role") != CHALLENGER:
                continue
            if sample.name == _LATENCY:
                edge = float(sample.labels["le"])
                slower[edge] = slower.get(edge, 0.0) + sample.value
            elif sample.name == _FAILURES:
                failures += sample.value
    return Counts(slower, failures)


def check_canary(counts: Counts, settings: FallbackSettings) -> str | None:
    """Say why the challenger may not go on; None where it may.

    Args:
        counts: Of the window.
        settings: What is asked of it.
    """
    answered = max(counts.slower.values(), default=0.0)
    asked = answered + counts.failures
    if asked < settings.min_requests:
        return None
    if counts.failures / asked > settings.max_error_share:
        return (
            f"{counts.failures:.0f} of its last {asked:.0f} requests failed, and at most "
            f"{settings.max_error_share:.1%} may"
        )
    limit = settings.max_p95_ms / 1000
    within = max((n for edge, n in counts.slower.items() if edge <= limit), default=0.0)
    if within < 0.95 * answered:
        return (
            f"only {within / answered:.1%} of its last {answered:.0f} answers came within "
            f"{settings.max_p95_ms:g} ms, and 95 % must"
        )
    return None


class CanaryMonitor:
    """Judges the challenger by what its window holds."""

    def __init__(self, settings: FallbackSettings) -> None:
        self._settings = settings
        self._seen: deque[tuple[float, str | None, Counts]] = deque()

    def judge(self, version: str | None, counts: Counts, now: float) -> str | None:
        """Take the counts of a moment, and say why the challenger may not go on.

        Args:
            version: Who is challenger; another one begins afresh.
            counts: Since the endpoint began.
            now: Seconds of a steady clock.
        """
        if self._seen and self._seen[-1][1] != version:
            self._seen.clear()
        self._seen.append((now, version, counts))
        while len(self._seen) > 1 and now - self._seen[1][0] >= self._settings.window_seconds:
            self._seen.popleft()
        return check_canary(counts.since(self._seen[0][2]), self._settings)
