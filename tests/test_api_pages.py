"""Docstrings as pages and as tests, and diagrams that are those of the code."""

import doctest
import html
import importlib.util
import inspect
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import fullcircle.core

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in (SOURCE / "fullcircle").rglob("*.py")
    if ">>>" in path.read_text("utf-8")
)


def load_script(name: str) -> ModuleType:
    """Import a script of the folder docs, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_of_docstrings_hold(name: str) -> None:
    """Each example in a docstring gives what is written below it."""
    result = doctest.testmod(import_module(name))
    assert result.attempted
    assert result.failed == 0


def test_diagrams_are_those_of_the_code() -> None:
    """The architecture page holds the diagrams that the code gives: python docs/diagrams.py."""
    diagrams = load_script("diagrams")
    page = diagrams.PAGE.read_text("utf-8")
    assert diagrams.set_diagrams(page) == page


def test_a_stale_diagram_is_seen() -> None:
    """A page whose diagram lacks a line is not what the code gives."""
    diagrams = load_script("diagrams")
    page = diagrams.PAGE.read_text("utf-8").replace("    raw --> validate_rows\n", "")
    assert diagrams.set_diagrams(page) != page


def test_parameters_are_those_of_the_classes() -> None:
    """The page of parameters is what their classes and conf/base give, and none lacks a meaning."""
    parameters = load_script("parameters")
    page = parameters.PAGE.read_text("utf-8")
    assert page == parameters.write_page(), "run: python docs/parameters.py"
    assert not [
        line for line in page.splitlines() if line.startswith("| `") and line.endswith("|  |")
    ]


def test_every_layer_and_room_is_drawn() -> None:
    """Each of the package's own rooms is in the diagram of layers or a single module, and drawn."""
    drawn = load_script("diagrams").draw_all()
    packages = {m.name for m in pkgutil.iter_modules(fullcircle.__path__) if m.ispkg}
    assert {name for name in packages if name not in drawn["layers"]} == set()
    rooms = {path.parent.name for path in (SOURCE / "fullcircle/pipelines").glob("*/pipeline.py")}
    assert {room for room in rooms if f"### {room}" not in drawn["pipelines"]} == set()


# pandas' series take a type in the eyes of type checkers alone.
@pytest.mark.filterwarnings("ignore:.*type 'Series' is not subscriptable")
def test_pages_are_made_of_docstrings(tmp_path: Path) -> None:
    """The API's pages are built without a warning, and each says what its module is for."""
    pdoc = pytest.importorskip("pdoc", reason="pdoc is not installed: pip install -e '.[docs]'")
    pdoc.render.configure(docformat="google")
    pdoc.pdoc("fullcircle.core", "fullcircle.api", output_directory=tmp_path)
    pages = {path.stem: path.read_text("utf-8") for path in tmp_path.glob("fullcircle/core/*.html")}
    rooms = [module.name for module in pkgutil.iter_modules(fullcircle.core.__path__)]
    assert len(rooms) > 15
    for room in rooms:
        said = inspect.getdoc(import_module(f"fullcircle.core.{room}")) or ""
        assert html.escape(said.partition("\n")[0][:20]) in pages[room]
