"""Looking at all objects that an estimator is made of."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_PLAIN = (str, bytes, int, float, complex, bool, type(None), np.generic)


def walk_objects(root: Any) -> Iterator[Any]:
    """Give each object that another one holds, the root first, each once; plain values too."""
    seen: set[int] = set()
    kept, waiting = [], [root]
    while waiting:
        found = waiting.pop()
        if id(found) in seen:
            continue
        if not isinstance(found, _PLAIN):
            seen.add(id(found))
            kept.append(found)  # or another object could get its identity
        yield found
        waiting += _list_parts(found)


def list_modules(root: Any) -> set[str]:
    """Name the modules that the types of an estimator's objects are from."""
    return {_name_module(found) for found in walk_objects(root)} - {"builtins"}


def name_type(found: Any) -> str:
    """Name the type of an object with its module; of a type or function, itself."""
    kind = found if isinstance(found, type) or hasattr(found, "__qualname__") else type(found)
    return f"{_name_module(found)}.{getattr(kind, '__qualname__', type(found).__qualname__)}"


def _name_module(found: Any) -> str:
    kind = found if isinstance(found, type) or callable(found) else type(found)
    return str(getattr(kind, "__module__", None) or type(found).__module__)


def _list_parts(found: Any) -> list[Any]:
    if isinstance(found, _PLAIN):
        return []
    if isinstance(found, type):
        return []
    if isinstance(found, Mapping):
        return [*found.keys(), *found.values()]
    if isinstance(found, list | tuple | set | frozenset):
        return list(found)
    if isinstance(found, np.ndarray):
        return found.ravel().tolist() if found.dtype == object else []
    return list(getattr(found, "__dict__", {}).values())
