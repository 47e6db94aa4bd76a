"""The notebooks of the folder notebooks, run on a project in which the circle has turned."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).resolve().parents[1]
# What the kernel keeps between notebooks is what kedro gives to each.
CLEAN = "%reset_selective -f ^(?!(catalog|context|session|pipelines)$)[a-z]"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EACH = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start one kernel for all, since the libraries take seconds to import."""
    from jupyter_client.manager import KernelManager

    with pytest.MonkeyPatch.context() as patch:
        for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        manager = KernelManager(kernel_name="python3")
        yield manager
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)


def execute(path: Path, kernel: Any, project: Path) -> Any:
    """Run a notebook in the project's folder for them, with a clean slate of names."""
    notebook = nbformat.read(path, 4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(CLEAN))
    folder = project / "notebooks"
    folder.mkdir(exist_ok=True)
    place = {"metadata": {"path": str(folder)}}
    client = nbclient.NotebookClient(notebook, timeout=300, km=kernel, resources=place)
    try:
        return client.execute(cleanup_kc=False)
    finally:
        client.kc.stop_channels()


def said(notebook: Any) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in outputs)


@EACH
def test_notebook_runs(path: Path, circle: Any, kernel: Any) -> None:
    """Each notebook runs from top to bottom on what the circle left, and shows something."""
    assert len(said(execute(path, kernel, circle.path))) > 200


def test_a_fault_stops_a_notebook(circle: Any, kernel: Any, tmp_path: Path) -> None:
    """A cell that raises fails the run: the test above can fail."""
    broken = tmp_path / "broken.ipynb"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("catalog.load('nothing')")])
    broken.write_text(nbformat.writes(made), encoding="utf-8")
    with pytest.raises(nbclient.exceptions.CellExecutionError):
        execute(broken, kernel, circle.path)


@EACH
def test_notebook_is_kept_without_outputs(path: Path) -> None:
    """No output and no count of executions is kept, so no data reaches git."""
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


def test_every_notebook_is_introduced() -> None:
    """The folder's README names each notebook."""
    told = (ROOT / "notebooks" / "README.md").read_text("utf-8")
    assert [path.name for path in NOTEBOOKS if f"({path.name})" not in told] == []
