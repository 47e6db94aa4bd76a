"""What problems there are."""

from pathlib import Path
from typing import Any

import yaml

from fullcircle.config_resolvers import list_problems, list_sources


def describe_problems(root: Path) -> list[dict[str, Any]]:
    """Give a row for each problem: what it predicts, when, and from which sources."""
    return [_describe(root, name) for name in list_problems()]


def _describe(root: Path, name: str) -> dict[str, Any]:
    path = root / "conf" / "base" / "problems" / name / "parameters.yml"
    declared = yaml.safe_load(path.read_text("utf-8"))[name] if path.is_file() else {}
    sources = list_sources(name)
    spec = declared.get(sources[0], {})
    return {
        "problem": name,
        "task": spec.get("task", "not declared"),
        "label": spec.get("label", ""),
        "metric": spec.get("primary_metric", ""),
        "split": f"by {spec['split']['by']}" if "split" in spec else "",
        "as_of": str(declared.get("as_of", "")),
        "sources": ", ".join(sources),
    }
