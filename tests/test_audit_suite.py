"""The audit's tests: each finding has some, and they can be run alone."""

import stat
import subprocess
import sys
from pathlib import Path

from tests.audit import FINDINGS, find_absent

ROOT = Path(__file__).resolve().parents[1]


def test_every_finding_has_its_tests() -> None:
    """All 26 findings name tests, and each test that is named is there."""
    assert [int(name[:2]) for name in FINDINGS] == list(range(1, 27))
    assert all(FINDINGS.values())
    assert find_absent() == []


def test_suite_is_one_command() -> None:
    """One marker chooses the audit's tests, and one file that may be run runs them."""
    words = [sys.executable, "-m", "pytest", "--no-cov", "-q", "--collect-only", "-m", "audit"]
    files = ["tests/serving/test_fetching.py", "tests/tracking/registry/test_dead_acts.py"]
    done = subprocess.run([*words, *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "test_an_act_that_died_is_done_or_undone" in done.stdout
    assert "test_files_that_have_not_changed" not in done.stdout
    entry = ROOT / ".ci" / "audit"
    assert entry.stat().st_mode & stat.S_IXUSR
    assert "pytest" in entry.read_text("utf-8")
