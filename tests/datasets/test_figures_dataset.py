"""Tests of figures as a catalog entry: a folder replaced as a whole, and a page in MLflow."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import mlflow
import plotly.graph_objects as go
import pytest
from kedro.io import DatasetError

from fullcircle.datasets.figures_dataset import FiguresDataset

pytestmark = pytest.mark.usefixtures("tracked")


@pytest.fixture
def figures() -> dict[str, go.Figure]:
    return {
        name: go.Figure(go.Scatter(x=[1, 2], y=[3, y])) for y, name in enumerate(("roc", "bar"))
    }


@pytest.fixture
def entry(tmp_path: Path) -> FiguresDataset:
    return FiguresDataset(filepath=str(tmp_path / "reports" / "figures"))


def files(entry: FiguresDataset) -> set[str]:
    """Everything in the folder's parent, hidden files too."""
    parent = entry._path.parent
    return {str(path.relative_to(parent)) for path in parent.rglob("*")}


def test_figures_come_back_as_saved(entry: FiguresDataset, figures: dict[str, Any]) -> None:
    """Each figure is a file of its own and equals what was saved."""
    assert not entry._exists()
    entry.save(figures)
    assert entry._exists()
    assert entry.load() == figures
    assert files(entry) == {"figures", "figures/roc.json", "figures/bar.json"}


def test_a_save_replaces_the_folder(entry: FiguresDataset, figures: dict[str, Any]) -> None:
    """Figures that are gone are removed, and saving again writes the same bytes."""
    entry.save(figures)
    before = (entry._path / "roc.json").read_bytes()
    entry.save({"roc": figures["roc"]})
    assert files(entry) == {"figures", "figures/roc.json"}
    assert (entry._path / "roc.json").read_bytes() == before
    entry.save({})
    assert entry.load() == {}


@pytest.mark.parametrize("moment", [1, 2])
def test_a_crash_leaves_the_old_or_the_new(
    entry: FiguresDataset,
    figures: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    moment: int,
) -> None:
    """A save cut short before its first or second move leaves the old figures to go on from."""
    entry.save({"old": figures["bar"]})
    moves: list[Any] = []

    def move(*paths: Any, real: Any = os.replace) -> None:
        moves.append(paths)
        if len(moves) == moment:
            raise KeyboardInterrupt
        real(*paths)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", move)
        with pytest.raises(KeyboardInterrupt):
            entry.save(figures)
    assert entry._exists()
    assert set(entry.load()) == {"old"}
    entry.save(figures)
    assert entry.load() == figures
    assert files(entry) == {"figures", "figures/roc.json", "figures/bar.json"}


def test_what_a_crash_left_behind_is_cleared(
    entry: FiguresDataset, figures: dict[str, Any]
) -> None:
    """Old figures not yet removed are no figures any more, and half-written ones never were."""
    entry.save(figures)
    shutil.copytree(entry._path, entry._before)
    shutil.copytree(entry._path, entry._beside)
    (entry._before / "old.json").touch()
    (entry._beside / "half.json").touch()
    assert set(entry.load()) == set(figures)
    entry.save(figures)
    assert files(entry) == {"figures", "figures/roc.json", "figures/bar.json"}


@pytest.mark.usefixtures("tracked")
def test_inside_a_run_all_figures_are_one_page(
    entry: FiguresDataset, figures: dict[str, Any], tmp_path: Path
) -> None:
    """The page holds every figure, plotly's script once, and asks no network for anything."""
    pages = []
    for _ in range(2):
        with mlflow.start_run() as run:
            entry.save(figures)
        [artifact] = mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path="plots")
        assert artifact.path == "plots/figures.html"
        pages.append(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/plots/figures.html"))
    page = pages[0]
    assert 'id="roc"' in page
    assert 'id="bar"' in page
    assert 4e6 < len(page) < 6e6
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert pages[0] == pages[1]


def test_outside_a_run_nothing_is_logged(entry: FiguresDataset, figures: dict[str, Any]) -> None:
    """Saving in a notebook opens no run."""
    entry.save(figures)
    assert mlflow.active_run() is None


def test_preview_is_the_first_or_the_named_figure(
    entry: FiguresDataset, figures: dict[str, Any]
) -> None:
    """kedro-viz gets plain values of one figure, and knows from the type how to draw it."""
    entry.save(figures)
    assert json.loads(json.dumps(entry.preview()))["data"][0]["y"] == [3, 1]
    assert entry.preview("roc")["data"][0]["y"] == [3, 0]
    assert FiguresDataset.preview.__annotations__["return"].__name__ == "PlotlyPreview"


def test_missing_and_damaged_figures_are_named(entry: FiguresDataset, figures: Any) -> None:
    """Where there is nothing yet the command is named, where a file is damaged the file."""
    with pytest.raises(DatasetError, match="kedro run"):
        entry.load()
    entry.save(figures)
    (entry._path / "roc.json").write_text("{", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"roc\.json cannot be read"):
        entry.load()


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden"])
def test_a_name_that_is_no_file_name_is_refused(
    entry: FiguresDataset, figures: dict[str, Any], name: str
) -> None:
    """No figure can be written outside its folder, and nothing is written of the others."""
    with pytest.raises(DatasetError, match="cannot be named"):
        entry.save({name: figures["roc"]})
    assert not entry._path.parent.exists()


def test_a_read_only_folder_is_one_line(
    entry: FiguresDataset, figures: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that refuses is named with the reason, and the old figures are whole."""
    entry.save(figures)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(DatasetError, match=r"Cannot write to .*reports: Permission denied"):
        entry.save({})
    assert entry.load() == figures
