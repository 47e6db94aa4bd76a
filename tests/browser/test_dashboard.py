"""The monitoring page in a real browser: it renders, filters, is silent, and can be used by all."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.core.test_dashboard import DRIFT, PERFORMANCE, SERVICE, draw

ALERTS = [
    {"as_of": "2024-05-01", "severity": severity, "state": state, "what": f"{severity} thing",
     "since": "2024-05-01", "how_much": "much", "what_to_do": "look"}
    for severity, state in (("warning", "new"), ("critical", "new"), ("warning", "over"))
]  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a page with something in every section, and many periods."""
    windows = [
        {**PERFORMANCE["windows"][0], "as_of": f"2023-{month:02d}-01", "beside": [],
         "estimate": {"value": 0.74, "low": 0.7, "high": 0.78, "holds": True}}
        for month in range(1, 13)
    ]  # fmt: skip
    row = {"column": "city", "slice": "Rome", "rows": 10, "judged": True, "worse": True}
    performance = {
        **PERFORMANCE,
        "windows": [*windows, *PERFORMANCE["windows"]],
        "slices": [{"rows": [{**row, "score": windows[0]["score"]}]}],
    }
    page = draw(DRIFT, performance=performance, service=SERVICE, alerts=ALERTS)
    path = tmp_path_factory.mktemp("page") / "dashboard.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(
    params=[(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")],
    ids=["wide light", "wide dark", "phone light", "phone dark"],
)
def page(request: pytest.FixtureRequest, browser: Any, address: str) -> Iterator[Any]:
    """Open the page on a screen; whatever the browser complains of fails the test."""
    width, scheme = request.param
    opened = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda sent: asked.append(sent.url))
    opened.goto(address)
    yield opened
    assert said == []
    assert asked == [address]
    opened.close()


def shown(page: Any, rows: str) -> list[str]:
    """Give the names of the rows that can be seen."""
    found: list[str] = page.eval_on_selector_all(
        rows, "rows => rows.filter(row => row.offsetParent).map(row => row.dataset.name)"
    )
    return found


def test_the_page_fits_its_screen(page: Any) -> None:
    """Every section is there, and nothing is wider than the screen but what scrolls by itself."""
    titles = page.eval_on_selector_all("h2", "all => all.map(each => each.textContent)")
    assert len(titles) == 6
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    bar = page.locator("#columns details[open] .bar.before").first.bounding_box()
    assert bar["width"] > 50
    dot = page.locator("#performance .dot.score").last.bounding_box()
    assert 0 <= dot["x"] <= page.viewport_size["width"]


def test_columns_are_chosen_by_name_and_state(page: Any) -> None:
    """Text and state choose columns together, and the number shown is told."""
    rows = "#columns details"
    assert shown(page, rows) == ["price", "colour"]
    page.get_by_label("Column", exact=True).fill("COL")
    assert shown(page, rows) == ["colour"]
    state = page.locator("#columns").get_by_label("State")
    state.select_option("drifted")
    assert shown(page, rows) == []
    assert page.locator("#columns output").inner_text() == "0 of 2 shown"
    page.get_by_label("Column", exact=True).fill("")
    assert shown(page, rows) == ["price"]


def test_columns_unfold_together(page: Any) -> None:
    """One button opens all columns that are shown, and closes them again."""
    button = page.get_by_role("button", name="Unfold or fold all")
    opened = "#columns details[open]"
    button.click()
    assert page.locator(opened).count() == 2
    button.click()
    assert page.locator(opened).count() == 0


def test_alerts_are_chosen_by_severity_and_state(page: Any) -> None:
    """Severity and state choose alerts together."""
    rows = "#alerts tbody tr"
    assert len(shown(page, rows)) == 3
    page.get_by_label("Severity").select_option("warning")
    assert shown(page, rows) == ["warning thing much"] * 2
    page.locator("#alerts").get_by_label("State").select_option("over")
    assert len(shown(page, rows)) == 1


def test_the_page_can_be_used_by_all(page: Any) -> None:
    """The rules of axe find nothing: names, order, contrast in both colour schemes."""
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    found = axe.Axe().run(page)
    assert found.response["passes"]
    assert found.violations_count == 0, found.generate_report()


def test_without_its_script_everything_is_shown(browser: Any, address: str) -> None:
    """A reader whose browser runs no script sees all columns and alerts, and no dead control."""
    context = browser.new_context(java_script_enabled=False)
    opened = context.new_page()
    opened.goto(address)
    assert opened.locator("#columns details:visible").count() == 2
    assert opened.locator("#alerts tbody tr:visible").count() == 3
    assert opened.locator("form:visible").count() == 0
    context.close()
