"""The one family of exceptions, each a clear line in the user's words.

FullCircleError
├── ConfigurationError   a switch, a parameter or a contract that is not valid
├── DataError            rows, columns or files that are not what the contract says
├── StorageError         a file or table that cannot be read or written
└── ModelError           a model that is absent or unusable
    └── GateRefusedError     no champion exists and the gate refused the challenger
"""

from collections.abc import Iterable
from difflib import get_close_matches


class FullCircleError(Exception):
    """Base of every error that this project raises on purpose."""


class ConfigurationError(FullCircleError):
    """A switch, a parameter or a contract that is not valid."""


class DataError(FullCircleError):
    """Rows, columns or files that are not what the contract says."""


class StorageError(FullCircleError):
    """A file or table that cannot be read or written."""


class ModelError(FullCircleError):
    """A model that is absent or unusable."""


class GateRefusedError(ModelError):
    """No champion exists and the gate refused the challenger."""


def name_missing(wanted: Iterable[str], present: Iterable[str]) -> str | None:
    """Say which names are missing and what present name comes nearest to each.

    Returns:
        ``"'TotalCharges' (nearest: 'Total_Charges'), 'tenure'"``, or None where nothing is missing.
    """
    present = list(present)
    lower = {name.lower(): name for name in present}
    described = []
    for name in wanted:
        if name in present:
            continue
        near = get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
        described.append(f"{name!r} (nearest: {lower[near[0]]!r})" if near else f"{name!r}")
    return ", ".join(described) or None
