"""Pages that need no network and no script: templates that share one style."""

from importlib import resources
from typing import Any


def fill_page(template: str, **values: Any) -> str:
    """Fill a template of this package; every value is escaped, and a missing one is refused."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_read_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)


def _read_template(name: str) -> str:
    folder = resources.files("fullcircle.reporting").joinpath("templates")
    return folder.joinpath(name).read_text(encoding="utf-8")
