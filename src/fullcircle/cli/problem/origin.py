"""How the table of a problem is written: kept in its files, and read again for later tables."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.core.questions import Decision
from fullcircle.ingestion import ReadOptions

_OF_THE_CALL = "named"
_HEAD = """\
# How the table of {name} is written; null: told by the table itself.
# kedro problem take reads later tables alike. Its own options go before these.
"""


def source_path(name: str) -> Path:
    """Return the place of the file, relative to the project."""
    return Path("conf") / "base" / "problems" / name / "source.yml"


def write_source(name: str, options: ReadOptions, decisions: Sequence[Decision]) -> str:
    """Return the text of the file: what was said or chosen, and what was open.

    Args:
        name: The problem.
        options: How its table was read.
        decisions: What was open, with what was decided.
    """
    said = {each: getattr(options, each) for each in _list_fields()}
    text = _HEAD.format(name=name) + yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
    if decisions:
        text += "# What was open when the problem was made, and what was decided:\n"
        text += "".join(f"# - {' '.join(each.describe().split())}\n" for each in decisions)
    return text


def read_source(root: Path, name: str, options: ReadOptions) -> ReadOptions:
    """Return options, those that are not given as the problem's file says.

    Args:
        root: The project.
        name: The problem.
        options: What the user says now.

    Raises:
        ConfigurationError: The file cannot be read, or holds what is not known.
    """
    path = root / source_path(name)
    if not path.is_file():
        return options
    try:
        known = yaml.safe_load(path.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{source_path(name)} cannot be read: {reason}") from error
    if not isinstance(known, dict) or (unknown := name_missing(map(str, known), _list_fields())):
        told = unknown if isinstance(known, dict) else "something else"
        raise ConfigurationError(
            f"{source_path(name)} holds {told}. It knows: {', '.join(_list_fields())}."
        )
    own: dict[str, Any] = {
        each: value for each, value in known.items() if getattr(options, each) is None
    }
    return replace(options, **own)


def _list_fields() -> list[str]:
    return [each.name for each in fields(ReadOptions) if each.name != _OF_THE_CALL]
