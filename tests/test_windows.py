"""What can be held of Windows without one: no module of a run needs POSIX, and the rest says so."""

import subprocess
import sys
from pathlib import Path

from fullcircle.error_messages import explain_error

ROOT = Path(__file__).resolve().parents[1]
# What `kedro run` and the commands beside it import; the endpoint is for Linux and macOS.
IMPORTED = """
import builtins, importlib, pkgutil

POSIX = {"fcntl", "resource", "pwd", "grp", "termios", "pty", "tty", "crypt", "uvloop"}
# Asks sys.platform first, and takes msvcrt on Windows.
BRANCHES = {"fullcircle.storage.locks"}
real = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    own = importer.startswith("fullcircle") and importer not in BRANCHES
    if name.partition(".")[0] in POSIX and own:
        raise ModuleNotFoundError(f"{importer} imports {name}", name=name)
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
import fullcircle
LEFT_OUT = ("fullcircle.serving", "fullcircle.streaming.spark", "fullcircle.__main__")
names = [
    found.name
    for found in pkgutil.walk_packages(fullcircle.__path__, "fullcircle.", onerror=print)
    if not found.name.startswith(LEFT_OUT)
]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_no_module_of_a_run_needs_posix() -> None:
    """Every module but the endpoint's is imported where fcntl, resource, pwd and others fail."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.splitlines()[-1]) > 200


def test_what_needs_posix_says_so_in_one_line() -> None:
    """The endpoint on Windows is refused with the place where it runs, not with a module's name."""
    said = explain_error(ModuleNotFoundError("No module named 'fcntl'", name="fcntl"))
    assert "Linux or macOS" in said
    assert "\n" not in said
    assert "Linux" not in explain_error(ModuleNotFoundError("No module named 'x'", name="x"))
