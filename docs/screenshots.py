"""Photograph what a run leaves, for the README: monitoring page, pipelines, and champion in MLflow.

    kedro run --params as_of=2025-04-01 && python docs/screenshots.py

It needs Chromium (the system's, or ``CHROMIUM=path``) and Playwright (the extra ``dev``).
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

WIDTH, HEIGHT = 1280, 800  # pixels, of window and picture
COLOURS = 64  # few enough that a picture stays below some 100 kB
PICTURES = Path(__file__).parent / "pictures"
MODEL = "fullcircle.telco_churn.simulated_model"
NODE = ".pipeline-node"
PLOT = ".js-plotly-plot .main-svg"
# How Kedro-Viz and MLflow keep a reader's choices: light, without tours, lists and chats.
CHOICES = (
    'localStorage.setItem("KedroViz", JSON.stringify({theme: "light", showFeatureHints: false, '
    "visible: {sidebar: false, miniMap: false, graph: true}}));"
    'localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true")'
)


def find_chromium() -> str | None:
    """Give the path of Chromium; None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def open_browser(chromium: str) -> Iterator[Any]:
    """Hold a browser without a window."""
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine for as long as the block lasts, and give its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve_models(project: Path) -> Iterator[str]:
    """Run ``mlflow ui`` on a project's runs and models for as long as the block lasts.

    Raises:
        RuntimeError: It ends, or does not answer.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--workers", "1", "--port", str(port)]
    surroundings = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    address, quiet = f"http://127.0.0.1:{port}", subprocess.DEVNULL
    server = subprocess.Popen(  # noqa: S603 - our own words
        command, cwd=project, env=surroundings, stdout=quiet, stderr=quiet
    )
    try:
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"{address}/health"):  # noqa: S310
                break
            if server.poll() is not None:
                raise RuntimeError(f"mlflow ui ended with {server.returncode} before it answered.")
            time.sleep(0.3)
        else:
            raise RuntimeError("mlflow ui does not answer.")
        yield address
    finally:
        server.terminate()
        server.wait()


def open_champion(page: Any, address: str, model: str) -> None:
    """Go from a model's page to the version that is champion."""
    page.goto(f"{address}/#/models/{model}")
    row = page.get_by_role("row").filter(has_text="champion").last
    row.get_by_role("link").first.click(timeout=60_000)
    page.get_by_text("kedro model card").wait_for(timeout=60_000)


def open_page(browser: Any, address: str) -> Any:
    """Open a page in a window of its own."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
    page.add_init_script(CHOICES)
    page.goto(address)
    return page


def open_node(page: Any, name: str) -> None:
    """Click a node of Kedro-Viz, which opens what is known of it beside the graph."""
    page.wait_for_selector(NODE, timeout=60_000)
    page.locator(NODE, has_text=name).first.dispatch_event("click")


def photograph(page: Any, name: str) -> Path:
    """Keep a small picture of a page that has come to rest."""
    from PIL import Image

    page.wait_for_timeout(1_500)
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
    return path


def main() -> None:
    """Take the pictures of the project that ``--project`` names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--project", type=Path, default=Path(__file__).parents[1])
    project = parser.parse_args().project.resolve()
    chromium = find_chromium()
    pages = sorted((project / "data").rglob("dashboard.html"))
    if chromium is None or not pages:
        wanting = "a run: kedro run" if chromium else "Chromium: install it, or set CHROMIUM"
        sys.exit(f"The pictures need {wanting}.")
    PICTURES.mkdir(exist_ok=True)
    subprocess.run(["kedro", "viz", "build", "--include-previews"], cwd=project, check=True)  # noqa: S607 - on PATH
    with open_browser(chromium) as browser, serve_folder(project / "build") as address:
        pictures = [photograph(open_page(browser, pages[0].as_uri()), "dashboard")]
        graph = open_page(browser, f"{address}?pid=training&expandAllPipelines=true")
        open_node(graph, "evaluation_figures")
        graph.wait_for_selector(PLOT, timeout=60_000)
        pictures.append(photograph(graph, "kedro-viz"))
        with serve_models(project) as models:
            page = open_page(browser, models)
            open_champion(page, models, MODEL)
            pictures.append(photograph(page, "mlflow"))
    for picture in pictures:
        print(f"{picture.name}: {picture.stat().st_size // 1024} kB")  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
