"""Raw data from a simulator with a known truth, made once and kept as Parquet files."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import ibis.expr.types as ir
import pyarrow as pa
import pyarrow.parquet as pq
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj

from fullcircle.engines.engine import get_engine
from fullcircle.storage.delta_tables import clear_storage_errors


class Simulator(Protocol):
    """Makes raw data piece by piece."""

    def pieces(self) -> Iterator[tuple[str, pa.Table]]:
        """Give each piece with its name, in order; one piece fits in memory."""
        ...


class SimulatedDataset(AbstractDataset[ir.Table, ir.Table]):
    """Runs a simulator when its files are not there yet, then reads them lazily.

    The files lie in a folder named by a digest of simulator and settings, so that other settings
    make other files and the same settings always mean the same data.

    Example:
        ```yaml
        raw:
          type: fullcircle.datasets.SimulatedDataset
          simulator: fullcircle.problems.telco_churn.simulator.ChurnSimulator
          filepath: data/01_raw/telco_churn/simulated
          settings: {seed: 7, months: 18, rows_per_month: 2000}
        ```
    """

    def __init__(
        self,
        *,
        simulator: str,
        filepath: str,
        settings: dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the simulation.

        Args:
            simulator: Dotted path of a class that follows the Simulator protocol.
            filepath: Folder below which the files are kept.
            settings: Keyword arguments of the class.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._simulator = simulator
        self._settings = settings
        self._digest = hashlib.sha256(
            json.dumps([simulator, settings], sort_keys=True, default=str).encode()
        ).hexdigest()
        self._folder = Path(filepath) / self._digest[:12]
        self.metadata = metadata

    @property
    def folder(self) -> Path:
        """Folder of the files that these settings make."""
        return self._folder

    def load(self) -> ir.Table:
        """Read the simulated rows lazily; ``source_row`` numbers them from 1."""
        if not self._exists():
            self._make()
        return get_engine().read_parquet(sorted(self._folder.glob("*.parquet")), name_files=False)

    def _make(self) -> None:
        """Write all pieces beside their place, then move them there in one step."""
        simulator: Simulator = load_obj(self._simulator)(**self._settings)
        unfinished = self._folder.with_suffix(".unfinished")
        with clear_storage_errors(self._folder.parent):
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            for name, rows in simulator.pieces():
                pq.write_table(rows, unfinished / f"{name}.parquet")
            unfinished.rename(self._folder)

    def save(self, data: ir.Table) -> None:  # noqa: ARG002 - Kedro's signature
        """Refuse: a simulation is made, never saved."""
        raise DatasetError("Simulated data cannot be saved; change its settings instead.")

    def data_version(self) -> str:
        """Digest of simulator and settings, for lineage."""
        return f"simulation {self._digest[:12]}"

    def _exists(self) -> bool:
        return self._folder.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {
            "simulator": self._simulator,
            "settings": self._settings,
            "folder": str(self._folder),
        }
