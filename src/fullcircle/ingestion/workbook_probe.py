"""A workbook read by another process first: what is too large ends that one, and not this one.

Two cells far apart make a sheet of billions of cells, of which readers keep every one in memory;
what cannot be had ends the process that asked. Sizes that an archive states may be false.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

from fullcircle.core.errors import DataError

_MEMORY_BYTES = 4 << 30
_SECONDS = 300
_TOO_LARGE = 3
_PROGRAM = f"""
import resource, sys
from python_calamine import CalamineWorkbook
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_CPU, ({_SECONDS}, {_SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
try:
    book = CalamineWorkbook.from_path(sys.argv[1])
    for name in sys.argv[3:] or book.sheet_names:
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        if any(cell not in ("", None) for row in rows for cell in row):
            break
except MemoryError:
    sys.exit({_TOO_LARGE})
except Exception:
    pass  # the reader says what is wrong
"""


def raise_if_too_large(path: Path, sheet: str | None) -> None:
    """Refuse a workbook that cannot be read within bounds of memory and time.

    Args:
        path: The workbook.
        sheet: The sheet that is wanted; None for the first that holds anything.

    Raises:
        DataError: Reading it needs too much.
    """
    if importlib.util.find_spec("resource") is None:  # Windows bounds no process so
        return
    wanted = [] if sheet is None else [sheet]
    words = [sys.executable, "-c", _PROGRAM, str(path), str(_MEMORY_BYTES), *wanted]
    done = subprocess.run(words, check=False, capture_output=True)  # noqa: S603 - our own program
    if done.returncode:
        raise DataError(
            f"{path} needs more than {_MEMORY_BYTES >> 30} GB of memory, or {_SECONDS // 60} "
            "minutes, to be read. Look for cells far from the table, or save it as CSV and give "
            "that."
        )
