"""What each problem and source of an environment stores, as its catalog declares it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fullcircle.tracking.registry.lookup import find_by_number, list_aliases

_VERSION = re.compile(r"delta v(\d+)")
# What a model is reproduced from, and judged on.
REPRODUCED = ("train_set", "selection_set", "gate_set")
# Others append to it, and a stream counts its versions: none may be added.
_FOREIGN = "fullcircle.datasets.RecordTableDataset"


@dataclass(frozen=True)
class StoredTables:
    """What one problem stores on one source of data.

    Attributes:
        problem: The problem.
        source: Its source of data.
        root: The project's folder.
        settings: The globals.
        catalog: The declared entries.
        experiment: Name of the MLflow experiment.
    """

    problem: str
    source: str
    root: Path
    settings: Mapping[str, Any]
    catalog: Mapping[str, Any]
    experiment: str

    @property
    def data_dir(self) -> Path:
        """Folder of all that a run makes."""
        return self.root / str(self.settings["data_dir"])

    @cached_property
    def tables(self) -> dict[str, Path]:
        """Folder of each Delta table that a run of the project writes, by catalog entry."""
        return dict(self._find_tables())

    def _find_tables(self) -> Iterator[tuple[str, Path]]:
        own = self.data_dir.resolve()
        for name, entry in self.catalog.items():
            path = self._find_path(entry)
            if path is None or entry.get("type") == _FOREIGN or own not in path.parents:
                continue
            for folder in (path, *(path / table for table in entry.get("tables", ()))):
                if (folder / "_delta_log").is_dir():
                    yield (name if folder == path else f"{name}.{folder.name}"), folder

    def find_folders(self, kind: str) -> list[Path]:
        """Return the folders of the entries of a type."""
        paths = (self._find_path(e) for e in self.catalog.values() if _is_of(e, kind))
        return [path for path in paths if path is not None]

    def _find_path(self, entry: Any) -> Path | None:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("filepath"), str):
            return None
        if "://" in entry["filepath"]:
            return None
        return Path(self.root, entry["filepath"]).resolve()

    @property
    def model(self) -> str | None:
        """Three-level name of the registered model."""
        name = self.catalog.get("champion", {}).get("model_name")
        return None if name is None else str(name)

    def find_named(self) -> list[Any]:
        """Return the versions of the model that have an alias."""
        numbers = set(list_aliases(self.model).values()) if self.model else set()
        found = (find_by_number(str(self.model), number) for number in sorted(numbers))
        return [version for version in found if version is not None]

    def find_pins(self) -> dict[str, list[int]]:
        """Return the versions of each table that a version with an alias was made from.

        The champion, the one before it, and whatever else has a name can be reproduced.
        """
        pins: dict[str, set[int]] = {}
        for version in self.find_named():
            for name in REPRODUCED:
                if found := _VERSION.fullmatch(str(version.tags.get(f"data.{name}"))):
                    pins.setdefault(name, set()).add(int(found[1]))
        return {name: sorted(versions) for name, versions in pins.items()}


def _is_of(entry: Any, kind: str) -> bool:
    return isinstance(entry, Mapping) and str(entry.get("type", "")).endswith(f".{kind}")


def find_places(project: Path, env: str | None) -> Iterator[StoredTables]:
    """Return what every problem of the project stores, on each of its sources.

    Raises:
        ConfigurationError: The configuration of one of them cannot be read.
    """
    from kedro.config import OmegaConfigLoader
    from kedro.framework.project import settings

    from fullcircle.config_resolvers import list_problems, list_sources, switched
    from fullcircle.core.errors import ConfigurationError
    from fullcircle.error_messages import explain_error

    for problem in list_problems():
        for source in list_sources(problem):
            with switched(PROBLEM=problem, DATA_SOURCE=source):
                conf = str(project / settings.CONF_SOURCE)
                loader = OmegaConfigLoader(conf, env, **settings.CONFIG_LOADER_ARGS)
                try:
                    read = {key: loader[key] for key in ("globals", "catalog", "mlflow")}
                except Exception as error:  # what YAML and OmegaConf raise shares no family
                    said = f"{problem} on {source} data: {explain_error(error)}"
                    raise ConfigurationError(said) from error
            experiment = str(read["mlflow"]["tracking"]["experiment"]["name"])
            yield StoredTables(
                problem, source, project, read["globals"], read["catalog"], experiment
            )
