"""The state at a glance, and what there is to look at."""

from dataclasses import dataclass
from typing import Any

from fullcircle.core.metrics import METRICS
from fullcircle.core.predictions.sources import (
    CHAMPION,
    has_several,
    list_windows,
    name_source,
    split_by_source,
)


@dataclass(frozen=True)
class Reports:
    """What the page tells of; ``service`` is None where none was measured."""

    drift: dict[str, Any]
    performance: dict[str, Any]
    retraining: dict[str, Any]
    reference: dict[str, Any]
    service: dict[str, Any] | None


def find_findings(reports: Reports) -> list[dict[str, str]]:
    """List what is wrong: ``told``, ``kind`` and the section of the page with more."""
    drift, found = reports.drift, []
    several = has_several(list_windows(drift))
    for column in drift["columns"]:
        if column["drifted"]:
            name = f"{name_source(column, several)}{column['name']}"
            found.append(_find("drift", f"{name}: {'; '.join(column['reasons'])}", "columns"))
    found += [_find("data", told, "volume") for told in _describe_arrivals(drift)]
    found += [_find("data", told, "columns") for told in _describe_problems(drift)]
    problems = reports.performance.get("problems", [])
    several = has_several(reports.performance["windows"])
    found += [
        _find("labels", f"{name_source(problem, several)}{problem['told']}", "performance")
        for problem in problems
    ]
    found += [_find("performance", told, "performance") for told in _describe_declines(reports)]
    found += [
        _find("training", warning, "performance")
        for warning in reports.reference.get("warnings", [])
    ]
    return found + _find_service(reports.service)


def _describe_arrivals(drift: dict[str, Any]) -> list[str]:
    """Say of each source what is wrong with its rows as a whole."""
    several = has_several(list_windows(drift))
    whole = [alarm for alarm in drift["alarms"] if alarm["column"] is None]
    return [f"{name_source(alarm, several)}{alarm['told']}" for alarm in whole]


def _describe_problems(drift: dict[str, Any]) -> list[str]:
    several = has_several(list_windows(drift))
    return [f"{name_source(each, several)}{each['told']}" for each in drift["problems"]]


def _find_service(service: dict[str, Any] | None) -> list[dict[str, str]]:
    if service is None:
        return []
    missed = [each for each in service["objectives"] if each["met"] is False]
    told = [
        f"{each['name']}: {_number(each['value'])}, declared {each['limit']:g}" for each in missed
    ]
    return [
        _find("service", each, "service")
        for each in [*told, *(problem["told"] for problem in service["problems"])]
    ]


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _find(kind: str, told: str, section: str) -> dict[str, str]:
    return {"kind": kind, "told": told, "section": section}


def format_headline(drift: dict[str, Any], findings: list[dict[str, str]]) -> dict[str, str]:
    """Say how things stand in a few words; what could not be judged is not called quiet."""
    if findings:
        number = len(findings)
        return {"tone": "bad", "told": f"{number} thing{'s' * (number > 1)} to look at"}
    if not drift["judged"]:
        return {"tone": "soft", "told": "Too few rows to judge"}
    return {"tone": "good", "told": "All quiet"}


def newest_judged(performance: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the newest window of each source whose champion has a score."""
    judged = [
        window
        for window in performance["windows"]
        if window["score"] and window.get("role", CHAMPION) == CHAMPION
    ]
    return [windows[-1] for windows in split_by_source(judged).values()]


def _describe_declines(reports: Reports) -> list[str]:
    """Name each source whose newest judged period is significantly worse than promised."""
    several = has_several(reports.performance["windows"])
    return [
        f"{name_source(window, several)}{told}"
        for window in newest_judged(reports.performance)
        if (told := _describe_decline(window, reports))
    ]


def _describe_decline(window: dict[str, Any], reports: Reports) -> str | None:
    promised = reports.reference["promised"]
    if window["model_version"] != reports.reference.get("version"):
        return None
    metric = METRICS[reports.performance["metric"]]
    shown = window.get("bound", window["score"])
    if not metric.is_surely_worse(shown, metric.find_worse_end(promised)):
        return None
    return (
        f"{reports.performance['metric']} of the period from {window['as_of']} is "
        f"significantly worse than promised: {window['score']['value']:.4f}, "
        f"promised {promised['value']:.4f}"
    )


def find_cards(reports: Reports) -> list[dict[str, str]]:
    """Give the cards: question, answer, tone (``good``, ``bad`` or none) and a remark."""
    cards = [_input_card(reports.drift), _prediction_card(reports.drift)]
    if card := _data_card(reports.drift):
        cards.append(card)
    cards += [*_performance_cards(reports), *_value_cards(reports)]
    cards += [card for card in (_service_card(reports.service),) if card]
    retrain = reports.retraining["retrain"]
    tone, reasons = "bad" if retrain else "good", "; ".join(reports.retraining["reasons"])
    return [*cards, _card("Train again?", "yes" if retrain else "no", tone, reasons)]


def _card(question: str, answer: str, tone: str = "", remark: str = "") -> dict[str, str]:
    return {"question": question, "answer": answer, "tone": tone, "remark": remark}


def _input_card(drift: dict[str, Any]) -> dict[str, str]:
    gone = f"vanished: {', '.join(drift['vanished'])}" if drift["vanished"] else ""
    if not drift["judged"]:
        return _card("Inputs", "too few rows to judge", "", gone)
    if drift["drifted"] or gone:
        answer = f"{len(drift['drifted'])} drifted" if drift["drifted"] else "steady"
        return _card("Inputs", answer, "bad", "; ".join(filter(None, [_name_drifted(drift), gone])))
    return _card("Inputs", "steady", "good", f"{len(drift['columns'])} columns compared")


def _name_drifted(drift: dict[str, Any]) -> str:
    """Name the drifted inputs, by source where there are several."""
    windows = [each for each in list_windows(drift) if each["drifted"]]
    if not has_several(list_windows(drift)):
        return ", ".join(drift["drifted"])
    return "; ".join(f"{name_source(e, several=True)}{', '.join(e['drifted'])}" for e in windows)


def _prediction_card(drift: dict[str, Any]) -> dict[str, str]:
    if not drift["judged"]:
        return _card("Predictions", "too few rows to judge")
    if drift["prediction_drifted"]:
        return _card("Predictions", "drifted", "bad")
    return _card("Predictions", "steady", "good", f"{drift['rows']:,} rows scored")


def _data_card(drift: dict[str, Any]) -> dict[str, str] | None:
    told = [*_describe_arrivals(drift), *_describe_problems(drift)]
    return _card("Data", f"{len(told)} to look at", "bad", "; ".join(told)) if told else None


def _performance_cards(reports: Reports) -> list[dict[str, str]]:
    """Return a card of each source with a score; one that waits where none has any."""
    metric, newest = reports.performance["metric"], newest_judged(reports.performance)
    if not newest:
        return [_card("Performance", "waits for labels", "", f"{metric}, once they come")]
    several = has_several(reports.performance["windows"])
    return [_performance_card(window, reports, several) for window in newest]


def _performance_card(window: dict[str, Any], reports: Reports, several: bool) -> dict[str, str]:
    score = window["score"]
    remark = (
        f"{reports.performance['metric']}, {score['low']:.3f} to {score['high']:.3f}, period from "
        f"{window['as_of']}; promised {reports.reference['promised']['value']:.3f}"
    )
    tone = "bad" if _describe_decline(window, reports) else "good"
    source = name_source(window, several).removesuffix(": ")
    return _card(
        f"Performance{f', {source}' if source else ''}", f"{score['value']:.3f}", tone, remark
    )


def _value_cards(reports: Reports) -> list[dict[str, str]]:
    several = has_several(reports.performance["windows"])
    found = []
    for window in newest_judged(reports.performance):
        if worth := window.get("value"):
            each = worth["per_row"]["value"]
            remark = f"{each:,.2f} a row over {worth['rows']:,} rows, period from {window['as_of']}"
            source = name_source(window, several).removesuffix(": ")
            answer = f"{worth['total']:,.0f} {worth['unit']}"
            found.append(_card(f"Worth{f', {source}' if source else ''}", answer, "", remark))
    return found


def _service_card(service: dict[str, Any] | None) -> dict[str, str] | None:
    if service is None:
        return None
    missed = any(each["met"] is False for each in service["objectives"])
    slow = service["latency_ms"]["p95"]
    answer = "no answer" if slow is None else f"{slow:,.0f} ms"
    remark = f"p95 of {service['requests']:,} requests, {service['error_share']:.2%} failed"
    return _card("Service", answer, "bad" if missed else "good", remark)
