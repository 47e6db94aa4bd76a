"""The state at a glance, and what there is to look at."""

from dataclasses import dataclass
from typing import Any

from fullcircle.core.metrics import METRICS


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
    for column in drift["columns"]:
        if column["drifted"]:
            told = f"{column['name']}: {'; '.join(column['reasons'])}"
            found.append(_find("drift", told, "columns"))
    found += [
        _find("data", alarm["told"], "volume")
        for alarm in drift["alarms"]
        if alarm["column"] is None
    ]
    found += [_find("data", problem["told"], "columns") for problem in drift["problems"]]
    found += [
        _find("labels", problem["told"], "performance")
        for problem in reports.performance.get("problems", [])
    ]
    if decline := _tell_decline(reports):
        found.append(_find("performance", decline, "performance"))
    found += [
        _find("training", warning, "performance")
        for warning in reports.reference.get("warnings", [])
    ]
    return found + _find_service(reports.service)


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


def tell_headline(drift: dict[str, Any], findings: list[dict[str, str]]) -> dict[str, str]:
    """Say how things stand in a few words; what could not be judged is not called quiet."""
    if findings:
        number = len(findings)
        return {"tone": "bad", "told": f"{number} thing{'s' * (number > 1)} to look at"}
    if not drift["judged"]:
        return {"tone": "soft", "told": "Too few rows to judge"}
    return {"tone": "good", "told": "All quiet"}


def newest_judged(performance: dict[str, Any]) -> dict[str, Any] | None:
    """Give the newest window that has a score."""
    judged = [window for window in performance["windows"] if window["score"]]
    return judged[-1] if judged else None


def _tell_decline(reports: Reports) -> str | None:
    """Say that the newest judged period is surely worse than its model promised, if it is."""
    newest, promised = newest_judged(reports.performance), reports.reference["promised"]
    if newest is None or newest["model_version"] != reports.reference.get("version"):
        return None
    metric = METRICS[reports.performance["metric"]]
    if not metric.is_surely_worse(newest["score"], metric.find_worse_end(promised)):
        return None
    return (
        f"{reports.performance['metric']} of the period from {newest['as_of']} is surely worse "
        f"than promised: {newest['score']['value']:.4f}, promised {promised['value']:.4f}"
    )


def find_cards(reports: Reports) -> list[dict[str, str]]:
    """Give the cards: question, answer, tone (``good``, ``bad`` or none) and a remark."""
    cards = [_input_card(reports.drift), _prediction_card(reports.drift)]
    if card := _data_card(reports.drift):
        cards.append(card)
    cards.append(_performance_card(reports))
    cards += [card for card in (_value_card(reports), _service_card(reports.service)) if card]
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
        named = ", ".join(drift["drifted"])
        return _card("Inputs", answer, "bad", "; ".join(filter(None, [named, gone])))
    return _card("Inputs", "steady", "good", f"{len(drift['columns'])} columns compared")


def _prediction_card(drift: dict[str, Any]) -> dict[str, str]:
    if not drift["judged"]:
        return _card("Predictions", "too few rows to judge")
    if drift["prediction_drifted"]:
        return _card("Predictions", "drifted", "bad")
    return _card("Predictions", "steady", "good", f"{drift['rows']:,} rows scored")


def _data_card(drift: dict[str, Any]) -> dict[str, str] | None:
    whole = [each["told"] for each in drift["alarms"] if each["column"] is None]
    told = [*whole, *(problem["told"] for problem in drift["problems"])]
    return _card("Data", f"{len(told)} to look at", "bad", "; ".join(told)) if told else None


def _performance_card(reports: Reports) -> dict[str, str]:
    metric, newest = reports.performance["metric"], newest_judged(reports.performance)
    if newest is None:
        return _card("Performance", "waits for labels", "", f"{metric}, once they come")
    score = newest["score"]
    remark = (
        f"{metric}, {score['low']:.3f} to {score['high']:.3f}, period from {newest['as_of']}; "
        f"promised {reports.reference['promised']['value']:.3f}"
    )
    tone = "bad" if _tell_decline(reports) else "good"
    return _card("Performance", f"{score['value']:.3f}", tone, remark)


def _value_card(reports: Reports) -> dict[str, str] | None:
    newest = newest_judged(reports.performance)
    worth = (newest or {}).get("value")
    if worth is None:
        return None
    each = worth["per_row"]["value"]
    remark = f"{each:,.2f} a row over {worth['rows']:,} rows, period from {newest['as_of']}"  # type: ignore[index]
    return _card("Worth", f"{worth['total']:,.0f} {worth['unit']}", "", remark)


def _service_card(service: dict[str, Any] | None) -> dict[str, str] | None:
    if service is None:
        return None
    missed = any(each["met"] is False for each in service["objectives"])
    slow = service["latency_ms"]["p95"]
    answer = "no answer" if slow is None else f"{slow:,.0f} ms"
    remark = f"p95 of {service['requests']:,} requests, {service['error_share']:.2%} failed"
    return _card("Service", answer, "bad" if missed else "good", remark)
