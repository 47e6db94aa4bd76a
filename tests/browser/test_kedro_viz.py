"""Kedro-Viz in a real browser: the built page finds the pipelines, and opens a plot and a table."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytest.importorskip("kedro_viz", reason="kedro-viz is not installed: pip install -e '.[viz]'")


@pytest.fixture(scope="module")
def graph(circle: Any, browser: Any, hands: ModuleType) -> Iterator[Any]:
    """Build the page of the turned circle, and open its training pipeline."""
    command = [sys.executable, "-m", "kedro", "viz", "build", "--include-previews"]
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    surroundings = {**os.environ, "PYTHONPATH": path}
    built = subprocess.run(
        command, cwd=circle.path, env=surroundings, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    with hands.serve_folder(circle.path / "build") as address:
        page = hands.open_page(browser, f"{address}?pid=training&expandAllPipelines=true")
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


def test_all_pipelines_are_six_boxes(graph: Any, hands: ModuleType) -> None:
    """The default view opens with a box per pipeline, and none of their nodes."""
    before = graph.url
    graph.goto(re.sub("pid=[^&]*.*", "pid=__default__", before))
    graph.wait_for_selector(hands.NODE, timeout=60_000)
    boxes = graph.locator(".pipeline-node--modularPipeline").all_text_contents()
    assert sorted(text.strip().lower().replace(" ", "_") for text in boxes) == sorted(
        p.parent.name for p in (ROOT / "src/fullcircle/pipelines").glob("*/pipeline.py")
    )
    assert "search_candidates" not in graph.locator(".pipeline-node").all_text_contents()
    graph.goto(before)
    graph.wait_for_selector(hands.NODE, timeout=60_000)


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


@pytest.mark.parametrize(
    ("pipeline", "node", "told"),
    [
        ("training", "split_training_set", "choose the winner and its threshold"),
        ("feature_store", "build_training_set", "never seen"),
        ("registry", "evaluate_gate", "no_slice_harmed"),
    ],
)
def test_a_node_shows_what_it_does(
    graph: Any, hands: ModuleType, pipeline: str, node: str, told: str
) -> None:
    """A click draws who sees which rows, what the join hides from an event, what the gate asks."""
    graph.goto(re.sub("pid=[^&]*.*", f"pid={pipeline}&expandAllPipelines=true", graph.url))
    hands.open_node(graph, node)
    graph.get_by_text(told).first.wait_for(timeout=60_000)
