"""Values as texts that give the same value when they are read again."""

import json
import math
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def as_written(value: Any) -> str | None:
    """Write a value as text, so that reading it again gives the value: 3, 2.5, 2024-01-31."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return _as_digits(value)
    writers: dict[type, Callable[[Any], str]] = {
        bool: lambda each: str(each).lower(),
        datetime: lambda each: each.isoformat(sep=" "),
        time: lambda each: each.isoformat(),
        timedelta: lambda each: repr(each.total_seconds()),
        list: lambda each: json.dumps(each, ensure_ascii=False),
        dict: lambda each: json.dumps(each, ensure_ascii=False),
    }
    return writers.get(type(value), str)(value)


def _as_digits(value: float) -> str | None:
    """Write a number with no more digits than it needs; NaN is nothing known."""
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return str(int(value)) if value.is_integer() else repr(value)
