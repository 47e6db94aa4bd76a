"""Refusing catalog entries that could not be made, or that nothing would find."""

import inspect
import logging
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fullcircle.configuration.parameters import find_pipelines
from fullcircle.configuration.renamed import DATASET_TYPES, DATASETS
from fullcircle.core.errors import ConfigurationError, name_missing

if TYPE_CHECKING:
    from fullcircle.configuration.loader import CheckedConfigLoader

_logger = logging.getLogger(__name__)
_OURS = "fullcircle.datasets"
_OF_KEDRO = ("type", "versioned", "credentials", "metadata", "validator", "load_args", "save_args")
_SAME = 0.85  # how alike two names must be for one to be taken as a slip of the other


def check_catalog(read: Mapping[str, Any], loader: "CheckedConfigLoader") -> None:
    """Refuse an entry of one of our datasets whose arguments it does not have.

    Args:
        read: All entries.
        loader: What read them.

    Raises:
        ConfigurationError: Names the argument, the nearest that exists, and where it stands.
    """
    flaws = [*_find_wrong_arguments(read), *_find_slips(read)]
    files = loader.list_files("catalog") if flaws else None
    said = []
    for key, flaw in flaws:
        where = files.find(key) if files else None
        said.append(f"{'.'.join(key)}: {flaw}" + (f" ({where})" if where else ""))
    if said:
        raise ConfigurationError(f"A catalog entry is not valid. {'; '.join(said)}.")


def _find_wrong_arguments(read: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    for entry, arguments in read.items():
        kind = arguments.get("type") if isinstance(arguments, Mapping) else None
        if not isinstance(kind, str) or not kind.startswith(f"{_OURS}."):
            continue
        module, _, name = kind.rpartition(".")
        known = vars(import_module(_OURS))
        if module == _OURS and name not in known:
            if name in DATASET_TYPES:
                yield (entry, "type"), f"{name} is called {DATASET_TYPES[name]} now"
                continue
            datasets = [each for each in known if each.endswith("Dataset")]
            yield (entry, "type"), f"there is no dataset {name_missing([name], datasets)}"
            continue
        dataset = getattr(import_module(module), name)
        yield from (((entry, *key), said) for key, said in _compare(arguments, dataset))


def _compare(arguments: Mapping[str, Any], dataset: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield arguments that a dataset does not take, and those that it needs and were not given."""
    taken = dict(inspect.signature(dataset.__init__).parameters)
    taken.pop("self")
    if any(each.kind is each.VAR_KEYWORD for each in taken.values()):
        return
    allowed = [*taken, *(name for name in _OF_KEDRO if name not in taken)]
    for name in map(str, arguments):
        if unknown := name_missing([name], allowed):
            yield (name,), f"{dataset.__name__} takes no {unknown}; it takes: {', '.join(taken)}"
    needed = [name for name, each in taken.items() if each.default is each.empty]
    if missing := [name for name in needed if name not in arguments]:
        yield (), f"{dataset.__name__} needs {', '.join(missing)} as well"


def _find_slips(read: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield entries that no pipeline uses, where one uses an undeclared name that is nearly it.

    Kedro would keep the undeclared dataset in memory, and lose it with the run.
    """
    used = {
        name.partition("@")[0]
        for name in find_pipelines().datasets()
        if not name.startswith(("params:", "parameters"))
    }
    undeclared = sorted(used - set(read))
    for name in map(str, read):
        if name in DATASETS and name not in used:
            yield (name,), f"the dataset is called {DATASETS[name]!r} now"
            continue
        near = get_close_matches(name, undeclared, n=1, cutoff=_SAME) if name not in used else []
        if near:
            yield (name,), f"no pipeline uses it, and {near[0]!r}, which one uses, is not declared"
