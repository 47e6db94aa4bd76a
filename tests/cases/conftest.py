"""Real files and situations, which lie beside the project and are never part of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def case() -> Callable[[str], Path]:
    """Give the folder of a case, by the beginning of its name."""
    folder = Path(os.environ.get("FULLCIRCLE_CASES") or ROOT.parent / "shared" / "cases")

    def find(name: str) -> Path:
        if not folder.is_dir():
            pytest.skip(f"the cases are not at {folder}; set FULLCIRCLE_CASES")
        [found] = folder.glob(f"{name}-*")
        return found

    return find
