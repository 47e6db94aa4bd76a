"""Reading what ``--params`` and ``--as-of`` are given."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click


class RefusedOption(click.ClickException):
    """An option that is not valid, said in one line without the command's usage."""

    exit_code = click.UsageError.exit_code


_OPENING, _CLOSING, _QUOTES = "[{(", "]})", "'\""


def split_parameters(ctx: click.Context, option: click.Parameter, value: Any) -> dict[str, Any]:
    """Return ``{name: value}`` of ``a.b=1,c=[x,y]``, nested names as mappings.

    Commas part one parameter from the next, unless they stand in brackets or quotes.

    Raises:
        RefusedOption: A part has no ``=`` or no name, or a name is given twice.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    del ctx, option
    if isinstance(value, dict):
        return value
    items = [_read_item(part) for part in _split(str(value or "")) if part.strip()]
    twice = [name for name, count in Counter(name for name, _ in items).items() if count > 1]
    if twice:
        raise RefusedOption(f"--params gives {', '.join(twice)} twice; which one is meant?")
    given: dict[str, Any] = {}
    for name, text in items:
        try:
            one = OmegaConf.from_dotlist([f"{name}={text}"])
            given = OmegaConf.to_container(OmegaConf.merge(given, one))  # type: ignore[assignment]
        except (OmegaConfBaseException, YAMLError, ValueError, TypeError) as error:
            said = str(error).partition("\n")[0]
            raise RefusedOption(f"--params: the value of {name} cannot be read: {said}.") from error
    return given


def _read_item(part: str) -> tuple[str, str]:
    name, equals, text = part.partition("=")
    name = name.strip()
    if equals and name:
        return name, text.strip()
    if wrong := re.fullmatch(r"\s*([\w.]+)\s*:\s*(\S.*)", part):
        raise RefusedOption(f"--params {part.strip()!r}: write {wrong[1]}={wrong[2].strip()}.")
    raise RefusedOption(
        f"--params {part.strip()!r} is no parameter: write name=value, and name='\"a, b\"' where a "
        "value holds commas."
    )


def _split(text: str) -> Iterator[str]:
    """Yield the parts between commas that stand in no bracket and no quotes."""
    depth, quote, part = 0, "", ""
    for letter in text:
        if letter == "," and not depth and not quote:
            yield part
            part = ""
            continue
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES and part.rstrip().endswith(("=", "[", "{", ",", ":")):
            quote = letter  # an apostrophe within a word is none
        else:
            depth += (letter in _OPENING) - (letter in _CLOSING)
        part += letter
    yield part


def read_clock(text: str | None) -> datetime | None:
    """Return the moment that ``--as-of`` gives; None where it is left out.

    Raises:
        RefusedOption: It is no moment; the form is named.
    """
    from fullcircle.core.as_of import read_moment

    if text is None:
        return None
    try:
        return read_moment(text)
    except ValueError as error:
        raise RefusedOption(f"--as-of {error}.") from error
