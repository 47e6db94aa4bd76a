"""A systemd socket and service for the endpoint, which rests between requests."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fullcircle.cli.schedule.overdue import SERVICE_PREFIX
from fullcircle.cli.schedule.scheduler_files import SchedulerTarget, write_failure_unit
from fullcircle.core.errors import ConfigurationError

SERVICE_USER = "fullcircle"  # where the project belongs to root
_NAMES = ("endpoint.socket", "endpoint.service")


def render_units(
    endpoints: Mapping[str, Path],
    settings: Mapping[str, Any],
    project: Path,
    user: str | None = None,
) -> dict[str, str]:
    """Return the text of each unit by its file's name.

    Args:
        endpoints: Folder by problem, of those that share processes; the first one's settings hold.
        settings: Of the first endpoint's plan.
        project: Where it runs.
        user: Who runs it; by default the owner of the project's folder.

    Raises:
        ConfigurationError: The folder's name cannot be written in a unit.
    """
    host = f"[{settings['host']}]" if ":" in settings["host"] else settings["host"]
    served = (sys.executable, "-m", "fullcircle.serving", *map(str, endpoints.values()))
    unit = "-".join(("fullcircle", *endpoints))
    facts = {
        "problem": ", ".join(endpoints),
        "listen": f"{host}:{settings['port']}",
        "command": " ".join(map(quote_word, served)),
        "directory": escape_path(project),
        "writable": quote_word(str(project), variables=False),
        "user": user or find_user(project),
        "unit": unit,
        "service": f"{SERVICE_PREFIX}{'_'.join(endpoints)}",
    }
    units = {f"{unit}{Path(name).suffix}": _fill(name, facts) for name in _NAMES}
    return {**units, **write_failure_unit(SchedulerTarget.find(project, None), facts["user"])}


def _fill(name: str, facts: Mapping[str, str]) -> str:
    templates = Environment(
        loader=PackageLoader("fullcircle.cli.endpoint"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - units are no HTML
    )
    return templates.get_template(f"{name}.jinja").render(facts)


def quote_word(word: str, *, variables: bool = True) -> str:
    r"""Quote a word of a unit, in which \, ", % and (in commands) $ mean something."""
    doubled = [("\\", "\\\\"), ('"', '\\"'), ("%", "%%")]
    if variables:
        doubled.append(("$", "$$"))
    for letter, written in doubled:
        word = word.replace(letter, written)
    return f'"{word}"'


def escape_path(path: Path) -> str:
    """Return a path as ``WorkingDirectory=`` reads it: to the end of the line, % doubled.

    Raises:
        ConfigurationError: It holds a line break, or ends in what systemd cuts off.
    """
    text = str(path)
    if text != text.strip() or "\n" in text or text.endswith("\\"):
        raise ConfigurationError(f"systemd cannot work in a folder of the name {text!r}.")
    return text.replace("%", "%%")


def find_user(project: Path) -> str:
    """Return who owns a project's folder; never root, as whom no endpoint should run."""
    owner = project.owner()
    return SERVICE_USER if owner == "root" else owner
