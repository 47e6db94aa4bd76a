"""Draw the diagrams of docs/architecture.md from the code: python docs/diagrams.py."""

import re
import tomllib
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from kedro.pipeline import Pipeline

from fullcircle import pipelines as package
from fullcircle.log_config import quiet_libraries

quiet_libraries()
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
# The order of the lifecycle; one that is not here yet comes last.
ORDER = ["data_processing", "feature_store", "training", "registry", "scoring", "monitoring"]


def read_pipelines() -> dict[str, Pipeline]:
    """Return each pipeline, in the order of the lifecycle."""
    [folder] = package.__path__
    names = sorted(path.parent.name for path in Path(folder).glob("*/pipeline.py"))
    names.sort(key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))
    return {name: import_module(f"{package.__name__}.{name}").create_pipeline() for name in names}


def flowchart(direction: str, lines: Iterable[str]) -> str:
    """Set lines as a Mermaid flow chart."""
    return "\n".join(["```mermaid", f"flowchart {direction}", *(f"    {x}" for x in lines), "```"])


def datasets(names: Iterable[str]) -> list[str]:
    """Leave parameters out."""
    return sorted(name for name in names if not name.startswith("params:"))


def draw_layers(pyproject: str, package: str) -> str:
    """Draw the layers of a package that import-linter holds, from outside to inside."""
    contracts = tomllib.loads(pyproject)["tool"]["importlinter"]["contracts"]
    [layers] = [each["layers"] for each in contracts if each.get("containers") == [package]]
    named = [f'L{i}["{layer.replace("|", "·")}"]' for i, layer in enumerate(layers)]
    return flowchart("TB", [" --> ".join(named)])


def draw_flow(parts: dict[str, Pipeline]) -> str:
    """Draw which pipeline leaves what for which."""
    lines = [f"{name}[{name}]" for name in parts]
    for giver, given in parts.items():
        for taker, taken in parts.items():
            shared = datasets(given.all_outputs() & taken.all_inputs())
            if giver != taker and shared:
                lines.append(f'{giver} -- "{"<br/>".join(shared)}" --> {taker}')
    return flowchart("LR", lines)


def draw_pipeline(pipeline: Pipeline) -> str:
    """Draw a pipeline's nodes and datasets, in the order in which they run."""
    lines = [f"{name}([{name}])" for name in datasets(pipeline.datasets())]
    for node in pipeline.nodes:
        lines.append(f"{node.short_name}[[{node.short_name}]]")
        lines += [f"{source} --> {node.short_name}" for source in datasets(node.inputs)]
        lines += [f"{node.short_name} --> {made}" for made in datasets(node.outputs)]
    return flowchart("TB", lines)


def draw_all() -> dict[str, str]:
    """Give each diagram by the name of its place on the page."""
    parts = read_pipelines()
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    titled = (f"### {name}\n\n{draw_pipeline(pipeline)}" for name, pipeline in parts.items())
    return {
        "layers": draw_layers(pyproject, "fullcircle"),
        "core": draw_layers(pyproject, "fullcircle.core"),
        "flow": draw_flow(parts),
        "pipelines": "\n\n".join(titled),
    }


def set_diagrams(page: str) -> str:
    """Put the diagrams into their places on a page."""
    for name, diagram in draw_all().items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", flags=re.DOTALL)
        page = place.sub(lambda found, new=diagram: f"{found[1]}\n{new}\n\n{found[2]}", page)
    return page


if __name__ == "__main__":
    PAGE.write_text(set_diagrams(PAGE.read_text("utf-8")), encoding="utf-8")
