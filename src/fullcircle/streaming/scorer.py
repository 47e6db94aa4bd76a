"""The models and feature tables of a stream, read again when they have moved."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

import ibis
import pyarrow as pa

from fullcircle.core.contract import Clock, ProblemSpec
from fullcircle.core.features.point_in_time import KeyedTable
from fullcircle.core.models.model import Model
from fullcircle.core.scoring.planning import ScoringSettings
from fullcircle.core.scoring.records import RecordSchema, declare_form
from fullcircle.core.scoring.requests import refuse_bad_requests
from fullcircle.core.scoring.rows import CHAMPION, name_model
from fullcircle.core.scoring.stream import Scoring
from fullcircle.streaming.lookups import PlannedLookups, can_be_planned

_logger = logging.getLogger(__name__)


class ModelSource(Protocol):
    """Where models and feature tables are kept."""

    def versions(self) -> Mapping[str, str | None]:
        """Say which versions there are now; they differ where something has moved."""

    def models(self) -> dict[str, Model]:
        """Give the models by role, the champion first."""

    def tables(self) -> Mapping[str, KeyedTable]:
        """Give the feature tables."""


class CatalogModelSource:
    """Models and feature tables as the catalog names them."""

    def __init__(self, catalog: Any) -> None:
        self._catalog = catalog

    def versions(self) -> dict[str, str | None]:
        """Versions of the champion, of the shadow models and of the feature tables."""
        names = (CHAMPION, "shadow_models", "feature_tables")
        return {name: self._catalog.get(name).data_version() for name in names}

    def models(self) -> dict[str, Model]:
        """The champion and each model that predicts beside it.

        Raises:
            ModelError: There is no champion.
        """
        return {CHAMPION: self._catalog.load(CHAMPION), **self._catalog.load("shadow_models")}

    def tables(self) -> Mapping[str, KeyedTable]:
        """The newest version of each feature table."""
        tables: Mapping[str, KeyedTable] = self._catalog.load("feature_tables")
        return tables


class Scorer:
    """Scores records with the models and feature tables of this moment.

    Attributes:
        form: What records must look like.
        add_features: Looks up the features of rows that look so.
        moved: How often models or tables were read again.
    """

    def __init__(
        self,
        model_source: ModelSource,
        problem: ProblemSpec,
        settings: ScoringSettings,
        known: Mapping[str, pa.DataType] | None = None,
        max_unreadable_share: float = 0.05,
    ) -> None:
        """Read models and tables.

        Args:
            model_source: Where they are kept.
            problem: The contract.
            settings: How the machine is used.
            known: Types of ids and keys that no feature table declares.
            max_unreadable_share: See RecordSchema.

        Raises:
            ModelError: There is no champion, or its features no longer exist.
        """
        self.problem, self.settings = problem, settings
        self._room, self._known = model_source, known
        self._max_unreadable_share = max_unreadable_share
        self._versions = model_source.versions()
        self.moved = 0
        self._read()

    def refresh(self) -> None:
        """Read models and tables again, if one of them has moved."""
        versions = self._room.versions()
        if versions == self._versions:
            return
        for name, version in versions.items():
            if version != self._versions[name]:
                _logger.info("%s is now %s", name, version)
        self._versions = versions
        self.moved += 1
        self._read()

    def _read(self) -> None:
        models, tables = self._room.models(), self._room.tables()
        self.form: RecordSchema = declare_form(
            self.problem, models, tables, self._known, self._max_unreadable_share
        )
        empty = ibis.memtable(self.form.schema.empty_table())
        for model in models.values():
            refuse_bad_requests(empty, tables, model, self.problem)
        used = dict.fromkeys(lookup.table for lookup in models[CHAMPION].lookups)
        self._stamps = {
            "model_name": name_model(models[CHAMPION]),
            "feature_versions": ", ".join(f"{n} {tables[n].version or 'unknown'}" for n in used),
        }
        scoring = Scoring.prepare(models, tables, self.problem, self._stamps, self.settings)
        self.add_features: Callable[[pa.Table], pa.Table] = scoring.add_features
        if can_be_planned(tables, scoring.lookups):
            self.add_features = PlannedLookups(self.form, tables, scoring.lookups)
        self._scoring = scoring

    def at(self, moment: datetime) -> Scoring:
        """Give what scores, with the stamps of a moment."""
        stamps = {**self._stamps, "as_of": str(Clock.model_validate(moment.isoformat()))}
        return replace(self._scoring, stamps=stamps)
