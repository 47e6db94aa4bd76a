"""Kedro-Viz in a real browser: the built page finds the pipelines, and opens a plot and a table."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("kedro_viz", reason="kedro-viz is not installed: pip install -e '.[viz]'")


def load_screenshots() -> ModuleType:
    """Import docs/screenshots.py, whose hands the test uses."""
    spec = importlib.util.spec_from_file_location("screenshots", ROOT / "docs" / "screenshots.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hands() -> ModuleType:
    """Give what opens pages and nodes."""
    return load_screenshots()


@pytest.fixture(scope="module")
def graph(circle: Any, hands: ModuleType) -> Iterator[Any]:
    """Build the page of the turned circle, and open its training pipeline in Chromium, or skip."""
    chromium = hands.find_chromium()
    if chromium is None:
        pytest.skip("there is no Chromium: install it, or set CHROMIUM")
    command = [sys.executable, "-m", "kedro", "viz", "build", "--include-previews"]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    surroundings = {**os.environ, "PYTHONPATH": path}
    built = subprocess.run(
        command, cwd=circle.path, env=surroundings, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    with (
        hands.open_browser(chromium) as browser,
        hands.serve_folder(circle.path / "build") as address,
    ):
        page = hands.open_page(browser, f"{address}?pid=training")
        page.wait_for_selector(hands.NODE, timeout=60_000)
        yield page


def test_pipelines_are_found(graph: Any) -> None:
    """The page offers the six pipelines and their sum, and shows the nodes of the chosen one."""
    offered = graph.locator(".pipeline-list .menu-option").all_text_contents()
    rooms = {p.parent.name for p in (ROOT / "src/fullcircle/pipelines").glob("*/pipeline.py")}
    assert set(offered) == {"__default__", *rooms}
    shown = set(graph.locator(".pipeline-node").all_text_contents())
    assert {"choose_winner", "leaderboard"} <= shown
    assert "score_requests" not in shown


def test_a_plot_opens(graph: Any, hands: ModuleType) -> None:
    """A click on the figures draws one: the leaderboard, with a mark per candidate."""
    hands.open_node(graph, "evaluation_figures")
    graph.wait_for_selector(hands.PLOT, timeout=60_000)
    graph.wait_for_selector(".js-plotly-plot .point", state="attached", timeout=60_000)
    assert graph.locator(".js-plotly-plot .point").count() > 1


def test_a_table_opens(graph: Any, hands: ModuleType) -> None:
    """A click on a Delta table shows its first rows."""
    hands.open_node(graph, "gate_set")
    graph.wait_for_selector(".preview-table", timeout=60_000)
    assert graph.locator(".preview-table tr").count() > 2
