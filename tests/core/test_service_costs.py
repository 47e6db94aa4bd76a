"""Tests of what the endpoint costs: hours up, processor time, by hour, before and after."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ibis
import pytest
from tests.core.test_service import AS_OF, SETTINGS, requests

from fullcircle.core.contract import Clock
from fullcircle.core.service import MachineHours, measure_costs, measure_service
from fullcircle.serving.runtime_dir import RuntimeDir, read_json
from fullcircle.serving.settings import ServingSettings
from fullcircle.serving.uptime import Uptime as UptimeFile

DAY = timedelta(days=1)
START = datetime(2024, 3, 5, tzinfo=UTC)
ALWAYS = {"cores": 2, "spans": [[(START - DAY).isoformat(), (AS_OF + DAY).isoformat()]]}


def price(uptime: Any = ALWAYS, *, change_at: datetime | None = None, **changes: Any) -> Any:
    settings = SETTINGS.model_copy(update={"price_per_hour": 0.5, **changes})
    frame = requests().sort_values("answered_at")
    return measure_costs(ibis.memtable(frame), MachineHours.read(uptime), settings, change_at)


def test_hours_up_are_priced_whether_anybody_asks_or_not() -> None:
    """The cost is hours up by the price; processor time is priced at the share of the cores."""
    found = price().whole
    days = len(price().by_day)
    assert found["up_hours"] == 24 * days
    assert found["cost"] == 12 * days
    assert found["cost_per_thousand"] == pytest.approx(12 * days / 400 * 1000)
    cpu_hours = 200 * 1.5 / 1000 / 3600 / 2
    assert found["utilisation"] == pytest.approx(cpu_hours / (24 * days))
    assert found["processor_cost_per_thousand"] == pytest.approx(cpu_hours * 0.5 / 400 * 1000)
    assert found["cost_per_month"] == pytest.approx(12 * 365.25 / 12)


def test_only_the_hours_in_which_it_was_up_count() -> None:
    """Of two spans the hours within the window count, each once, on their days."""
    spans = [
        [(START - 9 * DAY).isoformat(), (START - 8 * DAY).isoformat()],
        [(AS_OF - 2 * DAY).isoformat(), (AS_OF - 2 * DAY + timedelta(hours=6)).isoformat()],
    ]
    found = price({"cores": 1, "spans": spans})
    assert found.whole["up_hours"] == 6
    assert sum(day["up_hours"] for day in found.by_day) == 6
    assert [hour["up_hours"] for hour in found.by_hour_of_day] == [1.0] * 6 + [0.0] * 18


def test_hours_of_the_day_and_days_add_up() -> None:
    """Requests, predictions and hours are the same by day, by hour of the day, and in all."""
    found = price()
    for name in ("requests", "predictions", "up_hours"):
        assert sum(each[name] for each in found.by_hour_of_day) == found.whole[name]
        assert sum(each[name] for each in found.by_day) == found.whole[name]
    assert len(found.by_hour_of_day) == 24
    assert found.by_day[-1]["date"] == "2024-03-09"


def test_before_and_after_a_change_are_told_apart() -> None:
    """Both sides of the moment add up to the window, each with its own hours."""
    moment = AS_OF - 2 * DAY
    found = price(change_at=moment)
    before, after = found.change["before"], found.change["after"]
    assert before["requests"] + after["requests"] == found.whole["requests"]
    assert before["up_hours"] + after["up_hours"] == found.whole["up_hours"]
    frame = requests()
    assert before["requests"] == (frame["answered_at"] < moment).sum()
    assert price().change is None


def test_what_is_not_known_costs_nothing_that_is_told() -> None:
    """Without a price there is no money, and without hours no cost of them."""
    free = price(price_per_hour=None).whole
    assert (free["cost"], free["processor_cost_per_thousand"]) == (None, None)
    assert free["up_hours"] > 0
    unknown = price(None).whole
    assert (unknown["up_hours"], unknown["cost"]) == (None, None)
    assert unknown["cpu_ms_per_thousand"] == pytest.approx(750)
    assert measure_costs(ibis.memtable(requests().head(0)), None, SETTINGS) is None


def test_the_service_report_has_the_costs() -> None:
    """The report holds them, with the comparison that the settings name."""
    settings = SETTINGS.model_copy(update={"change_at": Clock.model_validate("2024-03-08")})
    report = measure_service(ibis.memtable(requests()), settings, AS_OF, ALWAYS)
    assert report["costs"]["cost"] > 0
    assert len(report["costs"]["by_hour_of_day"]) == 24
    assert report["costs"]["change"]["after"]["requests"] > 0


def test_the_endpoint_keeps_when_it_was_up(tmp_path: Path) -> None:
    """Each start is a span that grows, earlier ones stay, and a damaged file begins a new one."""
    folder = RuntimeDir(tmp_path)
    UptimeFile(folder).beat()
    second = UptimeFile(folder)
    second.beat()
    second.beat(last=True)
    kept = read_json(folder.uptime)
    assert len(kept["spans"]) == 2
    assert all(first <= last for first, last, _ in kept["spans"])
    assert MachineHours.read(kept) is not None
    folder.uptime.write_text("{", encoding="utf-8")
    UptimeFile(folder).beat()
    assert len(read_json(folder.uptime)["spans"]) == 1


def test_the_price_has_one_place(caplog: pytest.LogCaptureFixture) -> None:
    """A price where it stood before counts no more, and a warning names the one place."""
    settings = ServingSettings.model_validate({"price_per_hour": 0.1, "port": 9000})
    assert settings.port == 9000
    assert not hasattr(settings, "price_per_hour")
    assert "service.price_per_hour" in caplog.text


def test_problems_that_share_a_machine_pay_equal_parts_of_it(tmp_path: Path) -> None:
    """The costs of all that shared an hour add up to its price, also if some were not shared."""
    start = AS_OF - 2 * DAY
    hours = [(start + timedelta(hours=n)).isoformat() for n in range(3)]
    alone = [hours[:2], hours[1:]]
    content = {"cores": 2, "spans": [[*alone[0], 1], [*alone[1], 3]]}
    found = price(content).whole
    assert found["up_hours"] == 2
    assert found["own_hours"] == pytest.approx(1 + 1 / 3)
    assert found["cost"] == pytest.approx(price({"cores": 2, "spans": alone}).whole["cost"] * 2 / 3)
    UptimeFile(RuntimeDir(tmp_path), 3).beat()
    kept = MachineHours.read(read_json(RuntimeDir(tmp_path).uptime))
    assert kept is not None
    assert [problems for *_, problems in kept.spans] == [3]
