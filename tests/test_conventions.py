"""The conventions of the house, held by a machine."""

import ast
import inspect
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import grimp
import pytest
import yaml
from kedro.framework.project import pipelines

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "fullcircle"
SHARED = ("core", "datasets", "pipelines", "hooks")
ROOMS = ["data_processing", "feature_store", "training", "registry", "scoring", "monitoring"]


@pytest.fixture(scope="module")
def everything(circle: Any) -> Any:
    """Give the default pipeline, which holds every node."""
    return pipelines["__default__"]


def test_there_are_the_six_rooms(everything: Any) -> None:
    """The pipelines are the six of the design, and the default is their sum."""
    assert set(pipelines) == {*ROOMS, "__default__"}
    assert set(everything.nodes) == {node for room in ROOMS for node in pipelines[room].nodes}


def test_node_is_named_as_its_function(everything: Any) -> None:
    """A node carries its function's name, which is a verb and an object without a suffix."""
    for node in everything.nodes:
        assert node.short_name == node.func.__name__
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", node.short_name)
        assert not node.name.endswith("_node")


def test_each_pipeline_is_a_namespace(everything: Any) -> None:
    """Every node lies in its pipeline's namespace, no dataset does: Kedro-Viz shows six boxes."""
    for name in ROOMS:
        assert {node.namespace for node in pipelines[name].nodes} == {name}
    assert not [name for name in everything.datasets() if "." in name]


def test_every_dataset_is_declared(circle: Any, everything: Any) -> None:
    """Every dataset that a pipeline names is a catalog entry, but for fitted models in memory.

    So are rows that nothing has read yet. No other is one, but for those of ``kedro stream`` and
    ``kedro serve``.
    """
    used = {name for name in everything.datasets() if not name.startswith("params:")}
    declared = {name for name in circle.catalog() if ":" not in name} - {"parameters"}
    assert used - declared == {"candidates", "winner", "full_fits", "all_train_rows"}
    assert {n for n in declared - used if not n.startswith(("stream_", "endpoint_"))} == set()


def test_every_parameter_is_used(circle: Any, everything: Any) -> None:
    """Every shared parameter is the input of some node, of ``kedro stream`` or ``kedro serve``."""
    used = {name.removeprefix("params:") for name in everything.inputs() if "params:" in name}
    files = (ROOT / "conf" / "base").glob("parameters*.yml")
    declared = {key for file in files for key in yaml.safe_load(file.read_text("utf-8"))}
    assert declared == used | {"stream", "serving"}


def test_every_dataset_has_a_layer() -> None:
    """Every catalog entry says to which of Kedro's layers it belongs."""
    catalog = yaml.safe_load((ROOT / "conf" / "base" / "catalog.yml").read_text("utf-8"))
    layerless = [n for n, e in catalog.items() if n != "raw" and "kedro-viz" not in e["metadata"]]
    assert layerless == []


def test_layers_are_in_an_order(everything: Any) -> None:
    """No layer is made from one that is made from it; kedro-viz would draw none of them."""
    catalog = yaml.safe_load((ROOT / "conf" / "base" / "catalog.yml").read_text("utf-8"))
    layers = {n: e["metadata"]["kedro-viz"]["layer"] for n, e in catalog.items() if n != "raw"}
    made_from: dict[str, set[str]] = {}
    for node in everything.nodes:
        for made in (layers[name] for name in node.outputs if name in layers):
            sources = {layers[name] for name in node.inputs if name in layers}
            made_from.setdefault(made, set()).update(sources - {made})
    assert len(list(TopologicalSorter(made_from).static_order())) > 5


def test_nodes_are_typed_and_documented(everything: Any) -> None:
    """Every node function says what it does and the type of each input and of its output."""
    for node in everything.nodes:
        assert inspect.getdoc(node.func)
        signature = inspect.signature(node.func)
        assert signature.return_annotation is not inspect.Signature.empty
        assert all(p.annotation is not p.empty for p in signature.parameters.values())


def literals(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    }


def test_shared_code_names_no_problem_and_none_of_its_columns() -> None:
    """No file under core, datasets, pipelines and hooks holds a problem's name or column."""
    spoken: set[str] = set()
    for file in (ROOT / "conf" / "base" / "problems").glob("*/parameters.yml"):
        for name, problem in yaml.safe_load(file.read_text("utf-8")).items():
            spoken |= {name}
            if "simulated" not in problem:
                continue  # a user's columns may be called anything: value, name, day
            for spec in (value for value in problem.values() if isinstance(value, dict)):
                spoken |= {spec["label"], *spec["request_columns"]}
                spoken |= {c for look in spec["feature_lookups"] for c in look["columns"]}
    assert len(spoken) > 20
    for room in SHARED:
        for path in (SOURCE / room).rglob("*.py"):
            docstring_free = literals(path) & spoken
            assert docstring_free == set(), f"{path} names {docstring_free}"


def test_every_module_is_small_enough_to_be_one_idea() -> None:
    """No module is longer than 300 lines."""
    long = [p.name for p in SOURCE.rglob("*.py") if len(p.read_text("utf-8").splitlines()) > 300]
    assert long == []


def test_every_text_names_its_encoding() -> None:
    """No text of a source is read or written, nor a program's answer, in the machine's encoding."""
    bare = [
        f"{path.name}:{call.lineno}"
        for path in SOURCE.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and leaves_encoding_open(call)
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("code", "left_open"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, encoding='utf-8')", False),
        ("folder.lock.open('r+')", True),
        ("folder.lock.open('rb')", False),
        ("os.fdopen(number, 'w')", True),
        ("subprocess.run(words, text=True)", True),
        ("subprocess.run(words, text=True, encoding='utf-8')", False),
        ("figure.add_bar(text=names)", False),
    ],
)
def test_calls_that_leave_an_encoding_open_are_known(code: str, left_open: bool) -> None:
    """What ruff sees only where the type is known is seen by name: reading, writing, opening."""
    (statement,) = ast.parse(code).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert leaves_encoding_open(statement.value) is left_open


def leaves_encoding_open(call: ast.Call) -> bool:
    """Tell whether a call reads or writes text and names no encoding."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    named = {word.arg: word.value for word in call.keywords}
    if "encoding" in named:
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) < (1 if name == "read_text" else 2)
    if name in ("open", "fdopen"):
        said = [*call.args, *named.values()]
        modes = [value.value for value in said if isinstance(value, ast.Constant)]
        return any(isinstance(mode, str) and re.fullmatch(r"[rwax]t?\+?", mode) for mode in modes)
    return isinstance(text := named.get("text"), ast.Constant) and text.value is True


def test_locks_and_sources_name_no_package_index() -> None:
    """No tracked text names a package index's address or a path of a machine."""
    files = [*ROOT.glob("*.lock"), *ROOT.glob("*.md"), *ROOT.glob("*.toml"), *SOURCE.rglob("*.py")]
    for file in files:
        text = file.read_text("utf-8")
        assert not re.search(r"index-url|extra-index|find-links|/simple/", text), file
        assert not re.search(r"/(home|root|work|Users)/\w", text), file


def test_every_shipped_feature_table_is_described() -> None:
    """Each feature table of the examples says what it holds, whose it is, and where it is from."""
    tables = 0
    for file in (ROOT / "conf" / "base" / "problems").glob("*/catalog.yml"):
        [block] = yaml.safe_load(file.read_text("utf-8")).values()
        for declared in block["feature_tables"].values():
            for table in declared.values():
                tables += 1
                assert len(table["description"]) > 20, file
                assert table["owner"], file
                assert table["tags"], file
    assert tables


def test_no_packages_import_each_other_in_a_circle() -> None:
    """In every package, those below it can be put in an order in which each imports only earlier.

    Imports that type checkers alone see are left out.
    """
    graph = grimp.build_graph("fullcircle", exclude_type_checking_imports=True)
    for package in sorted({module.rpartition(".")[0] for module in graph.modules} - {""}):
        depth = package.count(".") + 1
        below = [module for module in graph.modules if module.startswith(f"{package}.")]
        imported: dict[str, set[str]] = {module.split(".")[depth]: set() for module in below}
        for module in below:
            own = module.split(".")[depth]
            for other in graph.find_modules_directly_imported_by(module):
                if other.startswith(f"{package}."):
                    imported[own].add(other.split(".")[depth])
            imported[own].discard(own)
        list(TopologicalSorter(imported).static_order())  # a CycleError names the circle
