"""What pydantic says of a value, in the words of the person who wrote it."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from fullcircle.core.errors import name_missing

_LONGEST = 60


class Flaw(NamedTuple):
    """What is wrong with one value.

    Attributes:
        key: Names that lead to it.
        said: What is wrong, and what was given.
    """

    key: tuple[str, ...]
    said: str


def find_flaws(kind: Any, value: Any, prefix: Sequence[str]) -> list[Flaw]:
    """Return what is wrong with a value of a type; nothing where nothing is.

    Args:
        kind: The type, as nodes are annotated.
        value: What the configuration holds.
        prefix: Names that lead to the value.
    """
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        return [_describe(found, kind, tuple(prefix)) for found in error.errors()]
    return []


def list_names(kind: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield every name that a model has, nested ones as the names that lead to them."""
    for model in find_models(kind):
        for name, field in model.model_fields.items():
            yield (*prefix, name)
            yield from list_names(field.annotation, (*prefix, name))


def find_models(kind: Any) -> list[type[BaseModel]]:
    """Return the models that a type is, or that an optional type may be."""
    if get_origin(kind) in (Union, UnionType):
        return [model for each in get_args(kind) for model in find_models(each)]
    is_model = isinstance(kind, type) and issubclass(kind, BaseModel)
    return [kind] if is_model and "root" not in kind.model_fields else []


def _describe(found: Any, kind: Any, prefix: tuple[str, ...]) -> Flaw:
    place = tuple(str(part) for part in found["loc"])
    key = (*prefix, *place)
    message = found["msg"].removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        return Flaw(key, _describe_unknown(place, kind))
    if found["type"] == "value_error":
        return Flaw(_find_culprit(key, found["input"], kind, place), message)
    if found["type"] in ("model_type", "dict_type"):
        names = ", ".join(name for (name,) in _children(kind, place))
        message = f"it has keys of its own{f' ({names})' if names else ''}"
    return Flaw(key, f"{message}, given {_shorten(found['input'])}")


def _describe_unknown(place: tuple[str, ...], kind: Any) -> str:
    known = [name for (name,) in _children(kind, place[:-1])]
    return f"there is no {name_missing([place[-1]], known)}; there are: {', '.join(known)}"


def _find_culprit(
    key: tuple[str, ...], given: Any, kind: Any, place: tuple[str, ...]
) -> tuple[str, ...]:
    """Add the unknown name to the key of the mapping that holds it."""
    known = {name for (name,) in _children(kind, place)}
    unknown = [str(name) for name in given if name not in known] if _is_mapping(given) else []
    return (*key, unknown[0]) if known and unknown else key


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _children(kind: Any, place: tuple[str, ...]) -> list[tuple[str]]:
    """Return the names below a place of a model."""
    kinds = reduce(_descend, place, [kind])
    return [(name,) for each in kinds for model in find_models(each) for name in model.model_fields]


def _descend(kinds: list[Any], name: str) -> list[Any]:
    below: list[Any] = []
    for kind in kinds:
        models = find_models(kind)
        below += [m.model_fields[name].annotation for m in models if name in m.model_fields]
        below += [each for each in get_args(kind) if not models]
    return below


def _shorten(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
