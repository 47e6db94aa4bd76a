"""Which days to score: the period after the clock, a range, or what is new; and what is done."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from fullcircle.core.as_of import read_moment
from fullcircle.core.contract import Clock, ProblemSpec, Settings
from fullcircle.core.errors import ConfigurationError
from fullcircle.core.scoring.requests import RequestDay

LAST = "last"


class ScoringSettings(Settings):
    """How scoring uses the machine.

    Attributes:
        batch_rows: Rows that are predicted at once, on one thread.
        chunk_rows: Rows for which features are looked up at once, and that lie in memory.
        threads: Threads that predict; None takes one per core.
    """

    batch_rows: int = Field(default=65_536, ge=1)
    chunk_rows: int = Field(default=500_000, ge=1)
    threads: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class Span:
    """Moments to score: from the first, up to and without the last."""

    first: datetime
    end: datetime


def find_span(
    problem: ProblemSpec, as_of: Clock, since: str | None, until: str | None, last_day: str | None
) -> Span | None:
    """Find which moments to score.

    Args:
        problem: The contract.
        as_of: The clock.
        since: First day, or ``last`` for the last day scored so far, whose rows may have become
            more; None for the clock.
        until: Day before which to stop; None for the end of the period after the clock.
        last_day: The last day scored so far, if any.

    Returns:
        The span; None for a snapshot, which has no moments.

    Raises:
        ConfigurationError: A day cannot be read, the span is empty, or there is no history.
    """
    if problem.event_time is None:
        if since is not None or until is not None:
            raise ConfigurationError(
                f"{problem.name} is a snapshot without event_time: it has no days, so leave "
                "'since' and 'until' out."
            )
        return None
    start = last_day if since == LAST else since
    first = as_of.moment if start is None else _read_day("since", start)
    end = as_of.moment + timedelta(days=problem.period_days or 0)
    end = end if until is None else _read_day("until", until)
    if first >= end:
        raise ConfigurationError(
            f"There is no day from {first:%Y-%m-%d} up to {end:%Y-%m-%d}: 'since' must lie "
            f"before 'until', by default {problem.period_days:g} days after as_of={as_of}."
        )
    return Span(first, end)


def _read_day(name: str, text: str) -> datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        allowed = " or 'last'" if name == "since" else ""
        raise ConfigurationError(
            f"{name}={text!r} is no day: write 2025-03-01{allowed}."
        ) from error


def identify_day(day: RequestDay, inputs: Mapping[str, str]) -> str | None:
    """Give a fingerprint of all that decides what a day's predictions are.

    Args:
        day: Its requests.
        inputs: What is the same for all days: models, versions of the feature tables, the clock.

    Returns:
        A digest; None where the requests cannot be told apart.
    """
    if day.digest is None:
        return None
    told = json.dumps([day.digest, dict(inputs)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def plan_days(
    days: Mapping[str, RequestDay], inputs: Mapping[str, str], before: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Say for each day whether to score it or to keep what a run that was cut short has scored.

    Where all days are there already, nothing was cut short: the run is a rerun and replaces them.

    Args:
        days: Requests by day.
        inputs: As in identify_day.
        before: What is known of days scored before: by day, with their ``fingerprint``.

    Returns:
        One entry per day in the order of days: ``day``, ``rows``, ``fingerprint`` and ``keep``.
    """
    plan: list[dict[str, Any]] = []
    for day, requests in sorted(days.items()):
        fingerprint = identify_day(requests, inputs)
        known = before.get(day, {}).get("fingerprint")
        keep = fingerprint is not None and known == fingerprint
        plan.append({"day": day, "rows": requests.rows, "fingerprint": fingerprint, "keep": keep})
    if all(entry["keep"] for entry in plan):
        plan = [{**entry, "keep": False} for entry in plan]
    return plan
