"""Write the page of all parameters from the classes that hold them: python docs/parameters.py."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from kedro.framework.project import configure_project
from pydantic import BaseModel

from fullcircle.configuration.models import find_models
from fullcircle.configuration.parameters import find_types

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "parameters.md"
HEAD = (
    "# All parameters\n\n"
    "Made from the classes that hold them, and from their values in `conf/base`: "
    "`python docs/parameters.py`.\n\n"
    "A parameter is changed for one run by `--params` "
    "(`kedro run --params drift.min_psi=0.2`), for a project in `conf/local/parameters.yml` or an "
    "environment's folder, and for one problem in its own `parameters.yml`, where it has a key "
    "there ([problems](problems.md)). An unknown name is refused with the nearest one.\n"
)


def read_base() -> dict[str, tuple[str, Any]]:
    """Return each parameter of ``conf/base`` with its file."""
    found: dict[str, tuple[str, Any]] = {}
    for file in sorted((ROOT / "conf" / "base").glob("parameters*.yml")):
        for name, value in (yaml.safe_load(file.read_text("utf-8")) or {}).items():
            found[name] = (file.name, value)
    return found


def describe_fields(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstring of a model says of each field, on one line."""
    text = inspect.getdoc(model) or ""
    _, _, attributes = text.partition("Attributes:\n")
    entries = re.findall(r"(?m)^    (\w+): (.*(?:\n {8,}.*)*)", attributes)
    return {name: " ".join(said.split()) for name, said in entries}


def list_rows(model: type[BaseModel], value: Any, path: str) -> Iterator[str]:
    """Yield a line of the table per field, nested models with the names that lead to them."""
    said = describe_fields(model)
    for name, field in model.model_fields.items():
        full = f"{path}.{name}"
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        given = value.get(name, default)
        nested = find_models(field.annotation)
        if nested and not isinstance(given, list):
            below = given.model_dump() if isinstance(given, BaseModel) else given or {}
            yield f"| `{full}` | | {escape(said.get(name, ''))} |"
            for each in nested:
                yield from list_rows(each, below, full)
        else:
            yield f"| `{full}` | {show(given)} | {escape(said.get(name, ''))} |"


def show(value: Any) -> str:
    """Return a value as YAML has it; one that a problem may set by itself by that key."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if isinstance(value, str) and (own := re.fullmatch(r"\$\{oc\.select:.*?\.(\w+),(.*)\}", value)):
        return f"`{own[2]}` (a problem's `{own[1]}`)"
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n...\n")
    return f"`{text.strip()}`"


def escape(text: str) -> str:
    """Return a docstring's text as Markdown within a table."""
    return text.replace("``", "`").replace("|", "\\|")


def write_page() -> str:
    """Return the page."""
    configure_project("fullcircle")
    kinds, _ = find_types()
    parts = [HEAD]
    for name, (file, value) in sorted(read_base().items()):
        for model in find_models(kinds.get(name)) if isinstance(value, dict) else ():
            first = (inspect.getdoc(model) or "").partition("\n")[0]
            parts.append(f"## {name}\n\n{escape(first)} In `conf/base/{file}`.\n")
            rows = "\n".join(list_rows(model, value, name))
            parts.append(f"| parameter | value | meaning |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(write_page(), encoding="utf-8")
