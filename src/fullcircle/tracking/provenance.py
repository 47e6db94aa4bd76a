"""Who wrote this, from which code, in which run: what every write carries."""

import hashlib
import platform
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil

from fullcircle.tracking.made_by import describe_run
from fullcircle.tracking.registry.actors import name_actor
from fullcircle.tracking.registry.distributions import find_version

_LIBRARIES = (
    "kedro",
    "kedro-mlflow",
    "mlflow",
    "scikit-learn",
    "xgboost",
    "skops",
    "numpy",
    "pandas",
    "pyarrow",
    "deltalake",
    "ibis-framework",
    "duckdb",
)


@cache
def describe_code(folder: Path) -> dict[str, str]:
    """Git commit and dirtiness of the code in a folder; ``unknown`` without a repository."""
    commit = _ask_git(folder, "rev-parse", "HEAD")
    changes = _ask_git(folder, "status", "--porcelain", "--untracked-files=no")
    return {
        "git_commit": commit or "unknown",
        "git_dirty": "unknown" if changes is None else str(bool(changes)).lower(),
    }


def _ask_git(folder: Path, *question: str) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(folder), *question],  # noqa: S607 - git is found as users find it
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def describe_environment() -> dict[str, str]:
    """Python, platform and the versions of the libraries that shape a result."""
    libraries = {f"version.{name}": find_version(name) or "none" for name in _LIBRARIES}
    return {"python": sys.version.split()[0], "platform": platform.platform(), **libraries}


@cache
def describe_hardware() -> dict[str, str]:
    """CPU model, cores and memory: what the seconds of a run, and at times its bits, depend on."""
    usable = psutil.Process().cpu_affinity() if hasattr(psutil.Process, "cpu_affinity") else None
    cores = psutil.cpu_count() or 1
    return {
        "hardware.cpu": _name_cpu(),
        "hardware.cores": str(cores),
        "hardware.cores_usable": str(len(usable) if usable else cores),
        "hardware.memory_gib": f"{psutil.virtual_memory().total / 2**30:.1f}",
    }


def _name_cpu() -> str:
    """Model of the CPU as Linux tells it; elsewhere, and on some ARM boards, its architecture."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        told = ""
    named = re.search(r"^model name\s*: (.+)$", told, flags=re.MULTILINE)
    return named[1] if named else platform.processor() or platform.machine()


@cache
def list_packages() -> dict[str, str]:
    """Name and version of every package that is installed, to rebuild the environment from."""
    found = {str(package.name): package.version for package in distributions() if package.name}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def describe_writer() -> dict[str, str]:
    """User, run, its clock, and code that a write is stamped with."""
    code = describe_code(Path(__file__).parent)
    return {"user": name_actor(), "run_id": active_run_id() or "none", **code, **describe_run()}


def active_run_id() -> str | None:
    """Id of the MLflow run that is open in this thread, if one is."""
    mlflow: Any = sys.modules.get("mlflow")  # where nobody has imported it, no run is open
    run: Any = mlflow.active_run() if mlflow else None
    return run.info.run_id if run else None


def digest_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
