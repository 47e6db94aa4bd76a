"""The field's words: those that were retired do not come back."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# A retired word, and what is said instead.
RETIRED = {
    "surely": "significantly",
    "world at rest": "without drift",
    "whoever": "anyone who, users",
    "mend": "fix",
    "mended": "fixed",
    "stranger": "a caller without a token",
    "strangers": "callers without a token",
    "turn the circle": "run all pipelines",
    "turns the circle": "runs all pipelines",
    "workshop": "training context",
    "wishes": "options",
    "slab": "chunk",
    "watchman": "canary monitor",
    "companions": "shadow models",
    "voices": "role models",
    "reign": "time in office",
    "crown_champion": "select_champion",
    "judge_challenger": "evaluate_gate",
    "judge_rows": "validate_rows",
    "take_seat": "load_model",
}
# Files that have to name what was, and why.
EXCEPTIONS = {
    "CHANGELOG.md": "it says what was renamed",
    "src/fullcircle/core/contract.py": "an old key is refused with its new name",
    "src/fullcircle/configuration/renamed.py": "an old entry is refused with its new name",
}
LOOKED_AT = (
    "src",
    "docs",
    "conf",
    "deploy",
    "notebooks",
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    listed = subprocess.check_output(["git", "ls-files", *LOOKED_AT], cwd=ROOT, text=True)
    paths = [ROOT / name for name in listed.splitlines() if name not in EXCEPTIONS]
    readable = {".py", ".md", ".yml", ".jinja", ".ipynb", ".json", ".toml"}
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for path in paths
        if path.suffix in readable and path.is_file()
    }


@pytest.mark.parametrize("word", RETIRED)
def test_a_retired_word_is_nowhere(texts: dict[str, str], word: str) -> None:
    """No code, page, parameter or notebook says what was translated to the field's own term."""
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE)
    assert [name for name, text in texts.items() if pattern.search(text)] == []
