"""The windows of all sources: what a batch, a stream and the endpoint answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.drift.batch_window import build_batch
from fullcircle.core.drift.recent_windows import build_endpoint, build_stream
from fullcircle.core.drift.settings import DriftSettings
from fullcircle.core.drift.windows import DriftWindow
from fullcircle.core.errors import DataError
from fullcircle.core.predictions.sources import BATCH, DEFAULT_DAYS, ENDPOINT, STREAM
from fullcircle.core.profile import Profile

NOTHING_SCORED = (
    "Nothing has been scored yet, so there is nothing to monitor. Score first: kedro run "
    "--pipeline scoring, kedro stream, or kedro serve."
)


@dataclass(frozen=True)
class Scored:
    """What each source has scored; None of a source that nobody uses.

    Attributes:
        batch: ``predictions``.
        stream: ``stream_predictions``.
        endpoint: ``endpoint_predictions``.
    """

    batch: ir.Table | None = None
    stream: ir.Table | None = None
    endpoint: ir.Table | None = None


def build_windows(
    scored: Scored,
    reference: Profile,
    problem: ProblemSpec,
    settings: DriftSettings,
    as_of: Clock,
    profiles: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[DriftWindow]:
    """Return the windows to compare with the champion's profile, and other roles' with their own.

    Args:
        scored: The rows of each source.
        reference: The champion's profile, with its ``version``.
        problem: The contract.
        settings: Which sources are watched, and how long the windows of stream and endpoint are.
        as_of: The clock.
        profiles: ``version`` and ``profile`` of other roles.

    Raises:
        DataError: No source has scored anything.
    """
    others = profiles or {}
    days = settings.window_days or problem.period_days or DEFAULT_DAYS
    found: list[DriftWindow] = []
    if scored.batch is not None and BATCH in settings.sources:
        found += build_batch(scored.batch, reference, problem, as_of, others)
    if scored.stream is not None and STREAM in settings.sources:
        found += build_stream(scored.stream, reference, problem, as_of.moment, days, others)
    if scored.endpoint is not None and ENDPOINT in settings.sources:
        found += build_endpoint(scored.endpoint, reference, problem, as_of.moment, days, others)
    if not found:
        raise DataError(NOTHING_SCORED)
    return found
