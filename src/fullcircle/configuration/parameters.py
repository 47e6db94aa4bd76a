"""Refusing parameters that nothing takes, wherever they were given."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from fullcircle.config_resolvers import list_problems
from fullcircle.configuration.models import Flaw, find_flaws, list_names
from fullcircle.configuration.places import ConfigFiles
from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import ConfigurationError, name_missing

if TYPE_CHECKING:
    from fullcircle.configuration.loader import CheckedConfigLoader

# Parameters of commands, which no pipeline takes.
_OF_COMMANDS = {
    "serving": "fullcircle.serving.settings.ServingSettings",
    "stream": "fullcircle.streaming.settings.StreamSettings",
}
_UNTYPED = ("note",)  # kedro run --params note="..."
_SOURCES = ("simulated", "real")
_SWITCHES = {"problem": "PROBLEM", "data_source": "DATA_SOURCE", "engine": "ENGINE"}
_PROBLEM_KEY = re.compile(r"\$\{globals:problem\}\.(\w+)")


def check_parameters(read: Mapping[str, Any], loader: "CheckedConfigLoader") -> None:
    """Refuse a parameter that nothing takes, or whose value is not valid.

    Args:
        read: All parameters, those given to the run among them.
        loader: What read them.

    Raises:
        ConfigurationError: Names each parameter, the nearest that exists, and where it stands.
    """
    kinds, taken = find_types()
    if not taken:
        return  # no project was opened, so nothing says what is taken
    names = loader["globals"]
    problem, source = str(names["problem"]), str(names["data_source"])
    files = loader.list_files("parameters")
    given = loader.runtime_params or {}
    flaws = [
        *_find_unknown(read, kinds, taken, problem),
        *_find_unknown_below(given, read, kinds, files),
        *_find_wrong(read, kinds),
        *_find_other_problems(given, problem),
        *_find_wrong_in_problem(read, (problem, source), files),
    ]
    if flaws:
        said = dict.fromkeys(_place(flaw, given, files, (problem, source)) for flaw in flaws)
        raise ConfigurationError(f"A parameter is not valid. {'; '.join(said)}.")


def find_types() -> tuple[dict[str, Any], set[str]]:
    """Return the types of the parameters that have one, and the names of all that are taken."""
    from kedro.validation.type_extractor import TypeExtractor

    every = find_pipelines()
    inputs = {name.removeprefix("params:") for name in every.inputs() if name.startswith("params:")}
    if not inputs:
        return {}, set()
    kinds = dict(TypeExtractor({"every": every}).extract_types_from_pipelines())
    kinds |= {name: _import(address) for name, address in _OF_COMMANDS.items()}
    return kinds, {name.partition(".")[0] for name in inputs} | set(_OF_COMMANDS) | set(_UNTYPED)


def find_pipelines() -> Any:
    """Return all pipelines of the open project as one; an empty one where none is open."""
    from kedro.framework import project
    from kedro.pipeline import Pipeline

    if project.PACKAGE_NAME is None:
        return Pipeline([])
    return sum(project.pipelines.values(), start=_find_all(project.PACKAGE_NAME))


@cache
def _find_all(package: str) -> Any:
    """Return all pipelines of a package as one: Kedro makes only those that a run names."""
    from kedro.pipeline import Pipeline

    found = import_module(f"{package}.pipelines")
    modules = [
        import_module(f"{found.__name__}.{each.name}") for each in iter_modules(found.__path__)
    ]
    made = [each.create_pipeline() for each in modules if hasattr(each, "create_pipeline")]
    return sum(made, start=Pipeline([]))


def _import(address: str) -> Any:
    module, _, name = address.rpartition(".")
    return getattr(import_module(module), name)


def _find_unknown(
    read: Mapping[str, Any], kinds: Mapping[str, Any], taken: set[str], problem: str
) -> Iterator[Flaw]:
    """Yield parameters that neither a pipeline nor a command takes."""
    problems = list_problems()
    for name in map(str, read):
        if name in taken or name in problems or name.startswith("_"):
            continue
        if name in _SWITCHES:
            yield Flaw((name,), f"{name} is a switch: set the variable {_SWITCHES[name]}")
            continue
        yield Flaw((name,), _describe_unknown(name, kinds, taken))
    if isinstance(read.get("problem"), str):
        said = f"it holds the contract; choose a problem by the variable PROBLEM, now {problem}"
        yield Flaw(("problem",), said)


def _describe_unknown(name: str, kinds: Mapping[str, Any], taken: set[str]) -> str:
    """Name the nearest parameter; of a nested one, where it belongs."""
    nested = [path for key, kind in kinds.items() for path in list_names(kind, (key,))]
    belongs = [".".join(path) for path in nested if path[-1] == name]
    if belongs:
        return f"there is no {name!r} at the top; there is {' and '.join(belongs)}"
    return f"there is no {name_missing([name], taken)}; there are: {', '.join(sorted(taken))}"


def _find_unknown_below(
    given: Mapping[str, Any], read: Mapping[str, Any], kinds: Mapping[str, Any], files: ConfigFiles
) -> Iterator[Flaw]:
    """Yield what a run was given below a parameter without a type that the files do not declare."""
    for name, value in given.items():
        if name in kinds or name in list_problems() or not isinstance(value, Mapping):
            continue
        declared = read.get(name)
        for below in value:
            if isinstance(declared, Mapping) and not files.declares((name, str(below))):
                yield Flaw((name, str(below)), "no configuration declares it")


def _find_wrong(read: Mapping[str, Any], kinds: Mapping[str, Any]) -> Iterator[Flaw]:
    """Yield values that do not fit the type that a node asks for."""
    for name, kind in kinds.items():
        value: Any = read
        for part in name.split("."):
            value = value.get(part, ...) if isinstance(value, Mapping) else ...
        if value is not ... and not (name == "problem" and isinstance(value, str)):
            yield from find_flaws(kind, value, tuple(name.split(".")))


def _find_other_problems(given: Mapping[str, Any], problem: str) -> Iterator[Flaw]:
    """Yield blocks of other problems, which this run does not read."""
    for other in sorted(set(list_problems()) & set(given) - {problem}):
        yield Flaw((other,), f"this run is of {problem}; choose another by the variable PROBLEM")


def _find_wrong_in_problem(
    read: Mapping[str, Any], chosen: tuple[str, str], files: ConfigFiles
) -> Iterator[Flaw]:
    """Yield keys of the problem's own block that nothing reads."""
    problem, source = chosen
    block = read.get(problem)
    if not isinstance(block, Mapping):
        return
    known = sorted({*_SOURCES, *_list_problem_keys(files)})
    for name in map(str, block):
        if unknown := name_missing([name], known):
            yield Flaw((problem, name), f"there is no {unknown}; there are: {', '.join(known)}")
    for other in _SOURCES:  # the one that runs is checked whole, as 'problem'
        if other != source and isinstance(block.get(other), Mapping):
            flaws = find_flaws(ProblemSpec, block[other], (problem, other))
            yield from (flaw for flaw in flaws if flaw.said.startswith("there is no "))


def _list_problem_keys(files: ConfigFiles) -> set[str]:
    """Return the keys of a problem's block that shared parameters refer to."""
    return {
        key
        for path in files.paths
        for key in _PROBLEM_KEY.findall(path.read_text("utf-8", errors="replace"))
    }


def _place(
    flaw: Flaw, given: Mapping[str, Any], files: ConfigFiles, chosen: tuple[str, str]
) -> str:
    """Return what is wrong with the key, and where it was written."""
    at_top = len(flaw.key) == 1 and flaw.said.startswith("there is no ")
    said = flaw.said if at_top else f"{'.'.join(flaw.key)}: {flaw.said}"
    if _was_given(flaw.key, given):
        return said
    contract = flaw.key[0] == "problem" and files.find((*chosen, *flaw.key[1:]))
    where = contract or files.find(flaw.key)
    return f"{said} ({where})" if where else said


def _was_given(key: tuple[str, ...], given: Any) -> bool:
    """Return whether the run was given the key, or what holds it, rather than a file."""
    for name in key:
        if not isinstance(given, Mapping):
            return True
        if name not in given:
            return False
        given = given[name]
    return True
