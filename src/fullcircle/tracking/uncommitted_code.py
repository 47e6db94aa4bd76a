"""The patch of uncommitted code that is kept with a run, so that the run can be rebuilt."""

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

PATCH_FILE = "code/uncommitted.patch"  # artifact of a run
MOST_BYTES = 1_000_000
_SECONDS = 20
_ASK = ["diff", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv", "HEAD"]
_FILE = re.compile(r"^diff --git a/.* b/(.*)$")
_SECRETS = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "a password in an address": re.compile(r"\w+://[^\s/:@'\"]+:[^\s/@$'\"{]{3,}@"),
    "a cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a token": re.compile(
        r"\b(?:gh[pousr]_\w{20,}|xox[abprs]-[\w-]{10,}|sk-[\w-]{20,}|eyJ[\w-]{10,}\.[\w-]{10,}\.)"
    ),
    "a password": re.compile(
        r"(?i)(?:password|passwd|secret|token|api_?key|credential)\w*[\"']?\s*[:=]\s*"
        r"[\"'][^\"'${\s]{6,}[\"']"
    ),
    "a password ": re.compile(
        r"(?i)^[-+ ]\s*\w*(?:password|passwd|secret|token|api_?key)\w*\s*:\s+[^\s'\"${\[]{6,}\s*$"
    ),
}


@dataclass(frozen=True)
class Patch:
    """Changes of tracked files since the last commit.

    Attributes:
        content: As ``git apply`` takes it; empty where it is not kept.
        refused: Why it is not kept; empty where it is.
    """

    content: bytes = b""
    refused: str = ""

    @property
    def tag(self) -> str:
        """What a run says of it: its SHA-256, or why it is not kept."""
        if self.refused:
            return f"not kept: {self.refused}"
        return hashlib.sha256(self.content).hexdigest()


def read_patch(folder: Path) -> Patch | None:
    """Return the uncommitted changes around a folder; None where there are none, or no repository.

    Changes that are larger than a megabyte, or seem to hold a secret, are named and not kept.
    """
    content = _ask_git(folder)
    if not content:
        return None
    if len(content) > MOST_BYTES:
        return Patch(refused=f"{len(content):,} bytes, more than {MOST_BYTES:,}")
    if found := find_secret(content.decode("utf-8", "replace")):
        return Patch(refused=found)
    return Patch(content)


def find_secret(patch: str) -> str | None:
    """Return which file of a patch seems to hold which kind of secret, never the secret."""
    file = "a file"
    for line in patch.splitlines():
        if named := _FILE.match(line):
            file = named[1]
        elif kind := next((kind for kind, sign in _SECRETS.items() if sign.search(line)), None):
            return f"{file} seems to hold {kind.strip()}"
    return None


def _ask_git(folder: Path) -> bytes | None:
    try:
        root = _run(folder, "rev-parse", "--show-toplevel").decode().strip()
        return _run(Path(root), *_ASK)
    except (OSError, subprocess.SubprocessError):
        return None


def _run(folder: Path, *words: str) -> bytes:
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        ["git", "-C", str(folder), *words],  # noqa: S607 - git is found as users find it
        capture_output=True,
        timeout=_SECONDS,
        check=True,
    )
    return done.stdout
