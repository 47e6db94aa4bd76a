"""What happened, in sentences."""

from collections.abc import Mapping, Sequence
from typing import Any

_NAMES = {"rules": "by the rules", "never": "never", "always": "always"}

Lines = Sequence[Mapping[str, Any]]


def summarize_backtest(report: Mapping[str, Any]) -> list[str]:
    """Tell a replay in a few sentences.

    Args:
        report: With ``windows``, ``scores``, ``gains``, ``trainings``, ``metric``, ``recipe``.
    """
    lines = report["windows"]
    return [
        _describe_rows(report, lines),
        _describe_alarms(lines),
        _describe_retraining(lines),
        *_describe_worth(report),
        f"All models are trained by one recipe, {report['recipe']}, which a small search found "
        "before the first window; always takes every new model without a gate.",
    ]


def _describe_rows(report: Mapping[str, Any], lines: Lines) -> str:
    rows, empty = sum(line["rows"] for line in lines), sum(1 for line in lines if not line["rows"])
    told = f"{rows:,} rows in {_count_windows(len(lines))} from {report['from']} to {report['to']}"
    told += f"; the truth of {report['rows']:,} of them is known by now."
    return f"{told} {_count_windows(empty)} without any row." if empty else told


def _count_windows(number: int) -> str:
    return f"{number} window{'s' * (number != 1)}"


def _describe_alarms(lines: Lines) -> str:
    told = [line for line in lines if any(n["state"] != "over" for n in line["notices"])]
    if not told:
        return "No alert was sent."
    first = next(notice for notice in told[0]["notices"] if notice["state"] != "over")
    count = sum(len(line["notices"]) for line in lines)
    return (
        f"{count} notices were sent, the first one on {told[0]['end']}, when the window from "
        f"{told[0]['window']} was over: {first['what']}."
    )


def _describe_retraining(lines: Lines) -> str:
    acts = [line["retrained"] for line in lines if line["retrained"]]
    held = sum(1 for line in lines if line.get("held_back"))
    if not acts:
        told = "The rules never trained again"
    else:
        said = ", ".join(
            f"{act['as_of'][:10]} ({'promoted' if act['promoted'] else 'refused'})" for act in acts
        )
        told = f"The rules trained again on {said}"
    return f"{told}; in {_count_windows(held)} they were held back." if held else f"{told}."


def _describe_worth(report: Mapping[str, Any]) -> list[str]:
    """Say what each policy scored, and what the rules were worth beside the others."""
    if report["scores"] is None:
        return ["No window has enough labels to say what retraining was worth."]
    metric, trainings = report["metric"], report["trainings"]
    scores = ", ".join(
        f"{_NAMES[policy]} {score['value']:.4f} ({trainings[policy]['trainings']} trainings)"
        for policy, score in report["scores"].items()
    )
    return [
        f"Mean {metric} of the windows, by policy of retraining: {scores}.",
        *(_describe_gain(pair, gain, metric) for pair, gain in report["gains"].items()),
    ]


def _describe_gain(pair: str, gain: Mapping[str, float], metric: str) -> str:
    better, other = (_NAMES[name] for name in pair.split(" over "))
    wording = (
        "significantly better"
        if gain["low"] > 0
        else "significantly worse"
        if gain["high"] < 0
        else "no significant difference"
    )
    return (
        f"Retraining {better} instead of {other}: {wording}, {gain['value']:+.4f} of {metric} "
        f"[{gain['low']:+.4f}, {gain['high']:+.4f}]."
    )
