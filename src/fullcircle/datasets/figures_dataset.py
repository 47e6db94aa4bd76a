"""Figures as a folder of plotly JSON files and, inside a run, as one page in MLflow."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio
from kedro.io import AbstractDataset
from kedro_datasets._typing import PlotlyPreview

from fullcircle.core.errors import StorageError
from fullcircle.storage.delta_tables import clear_storage_errors
from fullcircle.tracking.provenance import active_run_id

_NAME = re.compile(r"\w[\w.-]*")


class FiguresDataset(AbstractDataset[dict[str, go.Figure], dict[str, Any]]):
    """Writes named figures to a folder, ``<name>.json`` each, and replaces the folder as a whole.

    Inside a run all figures go to MLflow too, as the page ``plots/<folder>.html``. It holds
    plotly's script once and needs no network. MLflow shows a page in a frame from which no other
    file can be reached, so a page per figure would have to hold the script, 4.5 MB, every time.

    Example:
        ```yaml
        evaluation_figures:
          type: fullcircle.datasets.FiguresDataset
          filepath: data/08_reporting/telco_churn/evaluation_figures
          metadata:
            kedro-viz: {layer: reporting, preview_args: {name: calibration}}
        ```
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Declare the figures.

        Args:
            filepath: The folder.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._path = Path(filepath)
        self._beside = self._path.with_name(f".{self._path.name}.unfinished")
        self._before = self._path.with_name(f".{self._path.name}.before")
        self.metadata = metadata

    def load(self) -> dict[str, go.Figure]:
        """Read the figures by name.

        Raises:
            StorageError: There are no figures yet, or a file is damaged.
        """
        return {path.stem: _read(path) for path in self._files()}

    def save(self, data: dict[str, Any]) -> None:
        """Write the figures beside their place and move them there, then log them.

        Raises:
            StorageError: A name is no file name, or the folder cannot be written to.
        """
        if wrong := [name for name in data if not _NAME.fullmatch(str(name))]:
            raise StorageError(
                f"A figure cannot be named {wrong[0]!r}: use letters, digits, '_', '-' and '.'."
            )
        with clear_storage_errors(self._path.parent):
            self._recover()
            shutil.rmtree(self._beside, ignore_errors=True)
            self._beside.mkdir()
            for name, figure in data.items():
                text = pio.to_json(figure, engine="json")
                (self._beside / f"{name}.json").write_text(text, encoding="utf-8")
            self._swap()
        if data and active_run_id():
            self._log(data)

    def _swap(self) -> None:
        """Put the new folder in the old one's place; a crash in between leaves one to recover."""
        if self._path.exists():
            os.replace(self._path, self._before)
        os.replace(self._beside, self._path)
        shutil.rmtree(self._before, ignore_errors=True)

    def _recover(self) -> None:
        """Finish a swap that a crash cut short: the old folder comes back."""
        if self._before.exists() and not self._path.exists():
            os.replace(self._before, self._path)
        shutil.rmtree(self._before, ignore_errors=True)

    def _log(self, data: dict[str, Any]) -> None:
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / f"{self._path.name}.html"
            page.write_text(_draw_page(self._path.name, data), encoding="utf-8")
            mlflow.log_artifact(str(page), "plots")

    def preview(self, name: str | None = None) -> PlotlyPreview:
        """Give one figure, by default the first by name, for kedro-viz."""
        figures = self.load()
        chosen = figures[name] if name in figures else next(iter(figures.values()), go.Figure())
        return PlotlyPreview(chosen.to_plotly_json())

    def _files(self) -> list[Path]:
        folder = self._path if self._path.exists() else self._before
        if not folder.is_dir():
            raise StorageError(
                f"There are no figures at {self._path} yet. Run the pipeline that makes them "
                "first; `kedro run` runs them all."
            )
        return sorted(folder.glob("*.json"))

    def _exists(self) -> bool:
        return self._path.is_dir() or self._before.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._path)}


def _read(path: Path) -> go.Figure:
    try:
        return pio.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise StorageError(f"The figure {path} cannot be read: {reason}") from error


def _draw_page(title: str, figures: dict[str, Any]) -> str:
    """Write all figures on one HTML page that needs no network, the same page every time."""
    parts = [
        pio.to_html(figure, full_html=False, include_plotlyjs=place == 0, div_id=name)
        for place, (name, figure) in enumerate(figures.items())
    ]
    head = f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>{title}</title></head>'
    return f"{head}<body>{''.join(parts)}</body></html>"
