"""Units of one measure, which a column may mix: 1.2 kg beside 350 g, or 5 ft 3 in."""

import re
from collections.abc import Collection, Mapping

from fullcircle.core.parsing.numbers import BLANKS

# What one of each unit is in the first of its measure.
MEASURES: tuple[dict[str, float], ...] = (
    {"g": 1, "kg": 1e3, "mg": 1e-3, "\u00b5g": 1e-6, "t": 1e6, "oz": 28.349523125,
     "lb": 453.59237, "lbs": 453.59237},
    {"m": 1, "km": 1e3, "dm": 0.1, "cm": 0.01, "mm": 1e-3, "\u00b5m": 1e-6, "mi": 1609.344,
     "yd": 0.9144, "ft": 0.3048, "in": 0.0254, "'": 0.3048, '"': 0.0254, "\u2032": 0.3048,
     "\u2033": 0.0254},
    {"l": 1, "L": 1, "hl": 100, "dl": 0.1, "cl": 0.01, "ml": 1e-3, "mL": 1e-3, "m3": 1e3,
     "m\u00b3": 1e3},
    {"s": 1, "sec": 1, "ms": 1e-3, "min": 60, "mins": 60, "h": 3600, "hr": 3600, "hrs": 3600,
     "hours": 3600, "d": 86_400, "days": 86_400},
    {"m2": 1, "m\u00b2": 1, "qm": 1, "sqm": 1, "ha": 1e4, "km2": 1e6, "km\u00b2": 1e6,
     "sqft": 0.09290304},
    {"W": 1, "kW": 1e3, "MW": 1e6, "mW": 1e-3},
    {"Wh": 1, "kWh": 1e3, "MWh": 1e6},
    {"Pa": 1, "hPa": 100, "kPa": 1e3, "MPa": 1e6, "mbar": 100, "bar": 1e5, "psi": 6894.757},
    {"V": 1, "mV": 1e-3, "kV": 1e3},
    {"A": 1, "mA": 1e-3},
    {"Hz": 1, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9},
    {"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12},
)  # fmt: skip
_NAMES = sorted({name for each in MEASURES for name in each}, key=len, reverse=True)
_UNIT = "|".join(map(re.escape, _NAMES))
_PIECE = rf"[0-9][0-9.,]*[{BLANKS}]*({_UNIT})"
_MEASURED = re.compile(rf"[-+\u2212]?(?:{_PIECE}(?:[{BLANKS}]*(?:,|and)?[{BLANKS}]*|$))+")
_EACH = re.compile(_PIECE)
_MOSTLY = 0.95


def list_scales(unit: str) -> tuple[tuple[str, float], ...]:
    """Return what each unit of a measure is in one of its units; nothing for an unknown unit."""
    measure = next((each for each in MEASURES if unit in each), {})
    return tuple((name, value / measure[unit]) for name, value in measure.items())


def find_mixed_units(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Return the units that a column mixes, the commonest first; nothing where it mixes none.

    Args:
        counts: Rows of each known text.
    """
    seen: dict[str, int] = {}
    measured = 0
    for text, rows in counts.items():
        if not _MEASURED.fullmatch(text):
            continue
        measured += rows
        for unit in _EACH.findall(text):
            seen[unit] = seen.get(unit, 0) + rows
    if len(seen) < 2 or measured < _MOSTLY * sum(counts.values()):
        return ()
    units = tuple(sorted(seen, key=lambda each: -seen[each]))
    return units if _are_of_one_measure(units) else ()


def _are_of_one_measure(units: Collection[str]) -> bool:
    return any(set(units) <= set(measure) for measure in MEASURES)
