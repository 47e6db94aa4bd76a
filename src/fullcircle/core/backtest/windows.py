"""The windows of a replay."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd

from fullcircle.core.contract import Clock
from fullcircle.core.errors import ConfigurationError

_STEP = re.compile(r"([1-9]\d{0,3})([dwm])")
_UNITS = {"d": "days", "w": "weeks", "m": "months"}


@dataclass(frozen=True)
class Window:
    """A span of time.

    Attributes:
        number: Its place among the windows, from 1.
        start: Its first moment.
        end: The moment before which it ends, and the clock at which it is looked at.
    """

    number: int
    start: datetime
    end: datetime

    @property
    def days(self) -> float:
        """Its length in days."""
        return (self.end - self.start) / timedelta(days=1)

    @property
    def name(self) -> str:
        """Its first day."""
        return f"{self.start:%Y-%m-%d}"


def make_windows(first: str, last: str, every: str) -> list[Window]:
    """Cut a span into windows, oldest first; a rest that is shorter than a window is left out.

    Args:
        first: Its first day, as 2025-01-01.
        last: The day before which it ends.
        every: Length of a window: days, weeks or months of the calendar, as 7d, 2w or 1m.

    Raises:
        ConfigurationError: A day or a length cannot be read, or no window fits.

    Example:
        >>> [window.name for window in make_windows("2025-01-01", "2025-04-01", "1m")]
        ['2025-01-01', '2025-02-01', '2025-03-01']
    """
    start, end = _read_day("--from", first), _read_day("--to", last)
    step = _STEP.fullmatch(every)
    if step is None:
        raise ConfigurationError(
            f"--every {every!r} is no length: write days, weeks or months, as 7d, 2w or 1m."
        )
    if start >= end:
        raise ConfigurationError(
            f"--from {first} must lie before --to {last}: a replay goes forward."
        )
    bounds = [start]
    while bounds[-1] <= end:  # from the start each time, so that the 31st stays the 31st
        length: dict[str, Any] = {_UNITS[step[2]]: int(step[1]) * len(bounds)}
        offset = pd.DateOffset(**length)
        bounds.append((pd.Timestamp(start) + offset).to_pydatetime())
    windows = [
        Window(number, begun, ended)
        for number, (begun, ended) in enumerate(pairwise(bounds), start=1)
        if ended <= end
    ]
    if not windows:
        raise ConfigurationError(
            f"No window of {every} fits between {first} and {last}. Choose a shorter --every."
        )
    return windows


def _read_day(option: str, text: str) -> datetime:
    try:
        moment = Clock.model_validate(text).moment
    except ValueError as error:
        raise ConfigurationError(f"{option} {text!r} is no day: write 2025-03-01.") from error
    if moment.time() != datetime.min.time():
        raise ConfigurationError(f"{option} {text!r} is no day but a moment: write 2025-03-01.")
    return moment
