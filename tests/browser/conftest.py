"""A browser for the tests of pages, and the hands of ``docs/screenshots.py`` to use it with."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCREENSHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots.py"


@pytest.fixture(scope="session")
def hands() -> ModuleType:
    """Give what opens pages and nodes."""
    spec = importlib.util.spec_from_file_location("screenshots", SCREENSHOTS)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def browser(hands: ModuleType) -> Iterator[Any]:
    """Start Chromium once, or skip."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = hands.find_chromium()
    if chromium is None:
        pytest.skip("there is no Chromium: install it, or set CHROMIUM")
    with hands.open_browser(chromium) as opened:
        yield opened
