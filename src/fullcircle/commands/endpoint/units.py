"""A systemd socket and service for the endpoint, which rests between requests."""

import sys
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

_NAMES = ("endpoint.socket", "endpoint.service")


def render_units(folder: Path, plan: dict[str, Any], project: Path) -> dict[str, str]:
    """Give the text of each unit by its file's name.

    Args:
        folder: The endpoint's.
        plan: Its plan.
        project: Where it runs.
    """
    templates = Environment(
        loader=PackageLoader("fullcircle.commands.endpoint"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - units are no HTML
    )
    settings, problem = plan["settings"], plan["contract"]["name"]
    host = f"[{settings['host']}]" if ":" in settings["host"] else settings["host"]
    facts = {
        "problem": problem,
        "listen": f"{host}:{settings['port']}",
        "python": sys.executable,
        "folder": str(folder),
        "project": str(project),
        "unit": f"fullcircle-{problem}",
    }
    return {
        f"fullcircle-{problem}{Path(name).suffix}": templates.get_template(f"{name}.jinja").render(
            facts
        )
        for name in _NAMES
    }
