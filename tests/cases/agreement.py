"""One model, asked for the same raw rows by batch, stream and endpoint."""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from tests.cases.case_files import read_case

from fullcircle.core.contract import ProblemSpec
from fullcircle.core.errors import DataError
from fullcircle.core.models.model import Model
from fullcircle.core.models.prediction import as_inputs
from fullcircle.core.parsing.column_parser import ColumnParser, as_class, read_class
from fullcircle.core.parsing.raw_schema import RawSchema, name_missing_values
from fullcircle.core.preparation import PreparationSettings, diagnose_columns
from fullcircle.core.scoring.predictor import Predictor
from fullcircle.core.scoring.raw_frames import read_frame
from fullcircle.core.scoring.records import Bounds, declare_form, validate_records
from fullcircle.core.training.challenger import describe_inputs
from fullcircle.core.training.estimators import assemble, fit
from fullcircle.core.validation.row_validation import REASON, SOURCE_ROW, UNREADABLE
from fullcircle.ingestion.inference import ProblemOptions, propose_problem
from fullcircle.problems import find_reading, load_problem
from fullcircle.serving import schemas
from fullcircle.serving.active_models import ActiveModels, LoadedModel
from fullcircle.serving.bodies import JSON, BodyLimits, BodyReader
from fullcircle.serving.features import OnlineFeatures
from fullcircle.serving.scoring import Part, Scorer

ROOT = Path(__file__).resolve().parents[2]
_LABELS = ("Churn", "Outcome", "lpep_dropoff_datetime", "trip_distance", "total_amount")
_LIMITS = BodyLimits(max_rows=10**6, max_columns=10**5, max_cells=10**8)


@dataclass(frozen=True)
class Answers:
    """What a way of scoring made of raw rows.

    Attributes:
        predicted: Predictions by row.
        refused: Why rows have none.
        unreadable: Names of the columns that could not be read, by row.
    """

    predicted: dict[int, Any]
    refused: dict[int, str] = field(default_factory=dict)
    unreadable: dict[int, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Learnt:
    """A model that learnt from raw rows as a run reads them.

    Attributes:
        model: The model.
        spec: The contract.
        raw: The rows as the source has them.
        events: The same rows as a run reads them, with a reason where one is rejected.
    """

    model: Model
    spec: ProblemSpec
    raw: pd.DataFrame
    events: pa.Table

    def by_batch(self, rows: list[int]) -> Answers:
        """Predict rows as a run does: cleaned by the engine, then predicted in Arrow."""
        asked = self.events.take(rows)
        reasons = asked[REASON].to_pylist()
        good = [place for place, reason in enumerate(reasons) if reason is None]
        batch = asked.take(good).select(self.model.features).combine_chunks().to_batches()
        predicted = Predictor(self.model).predict(batch[0]) if batch else []
        told = asked[UNREADABLE].to_pylist() if UNREADABLE in asked.column_names else []
        return Answers(
            {rows[place]: value for place, value in zip(good, _plain(predicted), strict=True)},
            {rows[place]: reason for place, reason in enumerate(reasons) if reason is not None},
            {rows[n]: _split(names) for n, names in enumerate(told) if _split(names)},
        )

    def by_stream(self, rows: list[int]) -> Answers:
        """Predict rows as a stream does: judged as records of text, then predicted in Arrow."""
        form = declare_form(self.spec, {"champion": self.model}, {}, max_unreadable_share=1)
        chosen = self.raw.iloc[rows]
        columns = {name: pa.array(chosen[name], from_pandas=True) for name in chosen.columns}
        for name in self._made(identity=True):
            if name in self.events.column_names:
                columns[name] = self.events[name].take(rows).combine_chunks()
        columns[self.spec.row_id] = pa.array([str(row) for row in rows])
        judged = validate_records(pa.table(columns), form, Bounds())
        batch = judged.good.select(self.model.features).combine_chunks().to_batches()
        predicted = Predictor(self.model).predict(batch[0]) if batch else []
        places = [rows[place] for place in judged.places.to_pylist()]
        reasons = judged.reasons.to_pylist()
        told = zip(places, judged.unreadable.to_pylist(), strict=True)
        return Answers(
            dict(zip(places, _plain(predicted), strict=True)),
            {rows[n]: reason for n, reason in enumerate(reasons) if reason is not None},
            {place: _split(names) for place, names in told if names},
        )

    def by_frame(self, rows: list[int]) -> Answers:
        """Predict rows as ``score_batch`` does: a frame of raw values, read and predicted."""
        frame = pd.DataFrame(self.records(rows), columns=[*self.raw.columns, *self._made()])
        good, refused = list(range(len(rows))), {}
        while True:
            try:
                read, _ = read_frame(frame.iloc[good].reset_index(drop=True), self.model)
                break
            except DataError as error:
                row = good.pop(int(str(error).split()[1].rstrip(":")))
                refused[rows[row]] = str(error)
        predicted = _plain(self.model.predict(read))
        return Answers(dict(zip([rows[n] for n in good], predicted, strict=True)), refused)

    def by_endpoint(self, rows: list[int], *, typed: bool = False) -> Answers:
        """Predict rows as the endpoint does, asked for by JSON, each refused row by itself.

        Args:
            rows: Which rows.
            typed: Whether plain numbers are sent as numbers.
        """
        given = self.records(rows)
        if typed:
            given = [self._with_numbers(row) for row in given]
        left, refused = dict(zip(rows, given, strict=True)), {}
        while left:
            part = self.ask(list(left.values()))
            if not isinstance(part.fault, schemas.FaultyRowsError):
                break
            places = list(left)
            for place, fault in part.fault.faults.items():
                refused[places[place]] = fault
                del left[places[place]]
        if part.fault is not None and left:
            raise part.fault
        unreadable: dict[int, set[str]] = {}
        for cell in part.unreadable:
            unreadable.setdefault(list(left)[cell.row], set()).add(cell.column)
        predicted = _plain(part.predicted) if left else []
        return Answers(dict(zip(left, predicted, strict=True)), refused, unreadable)

    def _with_numbers(self, row: dict[str, Any]) -> dict[str, Any]:
        """Give the plain numbers of columns of numbers as JSON has them."""
        columns = self.schema.columns.values()
        numbers = {each.source for each in columns if each.kind == "number"}
        return {name: _as_number(v) if name in numbers else v for name, v in row.items()}

    def ask(self, records: list[dict[str, Any]], share: float = 1.0) -> Part:
        """Ask the endpoint's own parts for one request."""
        content = json.dumps({"dataframe_records": records}, default=str).encode()
        return self.ask_body(content, JSON, share)

    def ask_body(self, content: bytes, kind: str, share: float = 1.0) -> Part:
        """Ask them for a body.

        Raises:
            DataError: The body cannot be read.
        """
        return self.prepare(share)(content, kind)

    def prepare(self, share: float = 1.0) -> Callable[[bytes, str], Part]:
        """Put the endpoint's parts together, and give what asks them for a body."""
        spec = self.spec
        contract = schemas.Contract(
            spec.name, spec.row_id, spec.entity_keys, spec.event_time, [], share
        )
        form = schemas.declare_form(self.model, contract)
        active = ActiveModels({"champion": LoadedModel("1", Predictor(self.model), form)})
        known = form.columns | contract.columns
        reader = BodyReader(self.model.features, known, _LIMITS, form.aliases)
        scorer = Scorer(OnlineFeatures(""), contract, "salt", timedelta(days=9999))

        def ask(content: bytes, kind: str) -> Part:
            [[part]] = scorer.score([reader.read(content, kind)], ["one"], active, {})
            return part

        return ask

    def records(self, rows: list[int]) -> list[dict[str, Any]]:
        """Give rows as the source has them; what is not in one column of it, as the run has it."""
        raw = self.raw.iloc[rows].astype(object)
        raw = raw.where(raw.notna(), None)
        records: list[dict[str, Any]] = raw.to_dict("records")
        for name in self._made():
            values = self.events[name].take(rows).to_pylist()
            for record, value in zip(records, values, strict=True):
                record[name] = None if isinstance(value, float) and math.isnan(value) else value
        return records

    @property
    def schema(self) -> RawSchema:
        """How the model's inputs are read."""
        schema = RawSchema.from_dict(self.model.raw_schema)
        assert schema is not None
        return schema

    def _made(self, *, identity: bool = False) -> list[str]:
        """Name the columns that a request brings as the run has made them."""
        wanted = [*self.model.features, *(self.spec.identity if identity else [])]
        return [name for name in dict.fromkeys(wanted) if name not in self.schema.columns]


def _split(names: str | None) -> set[str]:
    return set(filter(None, (names or "").split("; ")))


def _plain(predicted: Any) -> list[Any]:
    return list(np.asarray(predicted).tolist())


def _as_number(value: Any) -> Any:
    """Give a plain number as JSON has it; what else there is, as it is."""
    plain = isinstance(value, str) and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value)
    return float(value) if plain else value


def learn_case(case: str, file: str, target: str, **problem_options: Any) -> Learnt:
    """Let a model learn a case's file as ``kedro problem new`` and a run read it."""
    asked = [target, *problem_options.get("keys", ()), *filter(None, [problem_options.get("time")])]
    frame, _ = read_case(case, file, *asked, header=problem_options.pop("header", None))
    raw = ibis.memtable(frame.assign(**{SOURCE_ROW: range(1, len(frame) + 1)}))
    said = {"name": "shop", "target": target, "today": date(2026, 1, 1), **problem_options}
    proposal = propose_problem(raw, ProblemOptions.model_validate(said))
    read, label, time = proposal.reading, proposal.label, proposal.spec.event_time
    truth: ir.Value = read.number(raw, target)
    if label.classes:
        text = read_class(raw[target], label.unknown, label.spellings)
        truth = as_class(text, label.classes)
    reasons = list(read.unreadable(raw, time)) if time else []
    told = read.unreadable_cells(raw, *filter(None, [time]))
    columns = {proposal.label_name: truth, **read.columns(raw), UNREADABLE: told}
    reason = ibis.coalesce(*reasons, ibis.null("string"))
    table = raw.select(SOURCE_ROW, **{REASON: reason}, **columns)
    events = table.order_by(SOURCE_ROW).to_pyarrow()
    return learn(events, frame.drop(columns=[target]), proposal.spec, read)


def learn(events: pa.Table, raw: pd.DataFrame, spec: ProblemSpec, reading: ColumnParser) -> Learnt:
    """Let a small model learn from rows that a run has read."""
    spec = spec.model_copy(update={"feature_lookups": []})
    known = events.filter(pc.and_(pc.is_valid(events[spec.label]), pc.is_null(events[REASON])))
    frame = known.to_pandas()
    inputs = as_inputs(frame, spec.features)
    label = frame[spec.label].astype("float64" if spec.task == "regression" else "int64")
    settings = PreparationSettings(leaks="report")
    plan = diagnose_columns(inputs, label, spec.task, settings)
    plan = name_missing_values(plan, reading.schema())
    estimator = assemble("xgboost", spec.task, 1, {"n_estimators": 30}, plan, settings)
    fitted = fit(estimator, inputs, label)
    model = Model(
        estimator=fitted,
        candidate="xgboost",
        task=spec.task,
        features=spec.features,
        lookups=[],
        threshold=0.5 if spec.task == "binary" else None,
        settings={},
        scores={},
        trained_on={"as_of": "2025-03-01"},
        profile={},
        example=inputs.head(4),
        event_time=spec.event_time,
        raw_schema=describe_inputs(reading, inputs, spec),
    )
    return Learnt(model, spec, raw, events)


def learn_example(name: str, source: str, raw: pd.DataFrame) -> Learnt:
    """Let a model learn an example problem's raw rows, cleaned by its own code.

    Features that a run looks up in tables are brought by the request here.
    """
    declared = yaml.safe_load(
        (ROOT / f"conf/base/problems/{name}/parameters.yml").read_text("utf-8")
    )
    spec = ProblemSpec.model_validate(declared[name][source])
    reading = find_reading(name)
    assert reading is not None
    rows = raw.assign(**{SOURCE_ROW: range(1, len(raw) + 1)})
    table = ibis.memtable(pa.Table.from_pandas(rows, preserve_index=False))
    events = load_problem(name).clean(table).order_by(SOURCE_ROW).to_pyarrow()
    named = {*spec.request_columns, spec.row_id, spec.label, spec.event_time}
    more = [each for each in reading.schema().columns if each not in named]
    asked = {"feature_lookups": [], "request_columns": [*spec.request_columns, *more]}
    given = raw.drop(columns=[c for c in _LABELS if c in raw.columns])
    return learn(events, given, spec.model_copy(update=asked), reading)


def find_disagreements(learnt: Learnt, count: int) -> Mapping[str, Any]:
    """Ask all ways for the first rows, and give what differs from the batch; nothing is right."""
    rows = list(range(min(count, len(learnt.raw))))
    batch = learnt.by_batch(rows)
    others = {
        "frame": learnt.by_frame(rows),
        "stream": learnt.by_stream(rows),
        "endpoint": learnt.by_endpoint(rows),
        "endpoint, typed": learnt.by_endpoint(rows, typed=True),
    }
    differ: dict[str, Any] = {}
    for way, answers in others.items():
        wrong = {
            row: (batch.predicted.get(row), answers.predicted.get(row), answers.refused.get(row))
            for row in rows
            if batch.predicted.get(row) != answers.predicted.get(row)
        }
        if wrong:
            differ[way] = (len(wrong), dict(list(wrong.items())[:3]))
        if way != "frame" and answers.unreadable != batch.unreadable:
            differ[f"{way}, unreadable"] = (batch.unreadable, answers.unreadable)
    return differ
