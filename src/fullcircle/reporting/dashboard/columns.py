"""Columns before and now, as the page shows them."""

from collections.abc import Mapping
from typing import Any

from fullcircle.core.predictions.sources import BATCH, has_several, list_windows, name_source

_FACTS = {
    "psi": ("population stability index", ".3f"),
    "jensen_shannon": ("Jensen-Shannon distance", ".3f"),
    "kolmogorov_smirnov": ("Kolmogorov-Smirnov distance", ".3f"),
    "wasserstein_scaled": ("moved, in standard deviations", ".3f"),
    "cramers_v": ("Cramér's V", ".3f"),
    "mean_before": ("mean at training", ",.4g"),
    "mean_now": ("mean now", ",.4g"),
}


def describe_columns(columns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Describe the columns, drifted ones first, then those that moved most.

    Returns:
        Each with ``name``, ``source``, ``drifted``, ``reasons``, ``psi``, ``seen`` (words on the
        smallest visible shift), ``facts`` (name and value) and ``bars``: per bin its label, the
        shares before and now in percent, and their lengths in percent of the longest.
    """
    several = has_several(columns)
    ordered = sorted(columns, key=lambda column: not column["drifted"])
    return [
        {
            "name": f"{name_source(column, several)}{column['name']}",
            "source": column.get("source", BATCH),
            "drifted": column["drifted"],
            "reasons": column["reasons"],
            "psi": column["psi"],
            "seen": _describe_seen(column["smallest_seen"]),
            "facts": [
                {"name": name, "value": format(column[key], style)}
                for key, (name, style) in _FACTS.items()
                if column.get(key) is not None
            ],
            "bars": _bars(column),
        }
        for column in ordered
    ]


def _describe_seen(smallest: dict[str, Any]) -> str:
    if smallest["psi"] is None:
        return "The past tells too little to see a shift here."
    shift = smallest.get("shift")
    moved = "" if shift is None else f", a move of about {shift:,.3g} in its own units,"
    return f"A shift of PSI {smallest['psi']:.2f}{moved} would have been seen."


def _bars(column: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each bin's bars, in percent of the longest of the column; empty bins are left out."""
    longest = max([*column["before"], *column["now"], 1e-9])
    return [
        {
            "label": label,
            "before": before,
            "now": now,
            "before_length": 100 * before / longest,
            "now_length": 100 * now / longest,
        }
        for label, before, now in zip(column["bins"], column["before"], column["now"], strict=True)
        if before or now
    ]


def describe_sources(drift: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return of each source what was looked at, in words; nothing where a batch is all there is."""
    windows = list_windows(drift)
    if not has_several(windows) and windows[0].get("source", BATCH) == BATCH:
        return []
    return [
        {
            "name": name_source(window, several=True).removesuffix(": "),
            "told": _describe_window(window),
        }
        for window in windows
    ]


def _describe_window(window: Mapping[str, Any]) -> str:
    told = [f"{window['rows']:,} rows"]
    if window.get("first"):
        told.append(f"{window['first']} to {window['last']}, {window['told']}")
    if versions := window.get("versions"):
        told.append(", ".join(f"v{name}: {rows:,}" for name, rows in sorted(versions.items())))
    if private := window.get("unwatched"):
        told.append(f"not watched, since private_columns names them: {', '.join(private)}")
    if not window["judged"]:
        told.append("too few to judge")
    return "; ".join(told)
