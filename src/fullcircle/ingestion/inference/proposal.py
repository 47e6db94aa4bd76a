"""A look at a table, and the problem that it proposes: contract, reading and what was found."""

import re
from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir
import pandas as pd

from fullcircle.core.contract import ProblemSpec, Threshold, require_columns
from fullcircle.core.errors import DataError
from fullcircle.core.parsing.column_parser import ColumnParser
from fullcircle.core.questions import Question
from fullcircle.core.validation.row_validation import SOURCE_ROW, as_text
from fullcircle.ingestion.inference.change_logs import ChangeLog
from fullcircle.ingestion.inference.column_descriptions import (
    describe_column,
    describe_columns,
    describe_duplicates,
    describe_label,
)
from fullcircle.ingestion.inference.column_kinds import MISSING_WORDS, Column, read_number_texts
from fullcircle.ingestion.inference.dataset_warnings import (
    DatasetWarnings,
    find_dangers,
    read_sample,
)
from fullcircle.ingestion.inference.first_look import ColumnLook, Role, look_at
from fullcircle.ingestion.inference.identity import Identity
from fullcircle.ingestion.inference.issues import Issue
from fullcircle.ingestion.inference.label import Label, LabelOptions, LabelValues, infer_label
from fullcircle.ingestion.inference.options import ProblemOptions
from fullcircle.ingestion.inference.questions import ask_about
from fullcircle.ingestion.inference.reading import recognise_all
from fullcircle.ingestion.inference.relations import relate_rows
from fullcircle.ingestion.inference.split_sizes import choose_split

SAMPLE_ROWS = 20_000
# Words of a column by which fairness is asked for first.
_GROUPS = re.compile(r"(^|_)(sex|gender|age|race|ethnicity|nationality|religion|region)(_|$)")
_MAX_SLICES = 2
_MAX_SLICE_VALUES = 12


@dataclass(frozen=True)
class Proposal:
    """A problem as it is proposed for a table.

    Attributes:
        spec: The contract.
        reading: How columns are read.
        label: What is predicted.
        label_name: The label's column.
        identity: Row id, keys and time.
        left_out: ``{source column: why}`` of the columns that no model sees.
        states: Rows that are states of one case, of which the first alone is kept; None for none.
        rejected_share: Share of the rows that will be rejected by what was chosen here.
        rows: Rows of the table.
        columns: What is shown of each column.
        findings: What was assumed, what looks dangerous, what must be edited.
        questions: What the table leaves open, and the user must say.
    """

    spec: ProblemSpec
    reading: ColumnParser
    label: Label
    label_name: str
    identity: Identity
    left_out: dict[str, str]
    states: ChangeLog | None
    rejected_share: float
    rows: int
    columns: tuple[ColumnLook, ...]
    findings: list[Issue]
    questions: list[Question]


def propose_problem(raw: ir.Table, problem_options: ProblemOptions) -> Proposal:
    """Look at a table and propose a problem for it.

    Args:
        raw: The table as it came, with ``source_row``.
        problem_options: What the user says.

    Raises:
        DataError: Nothing can be learnt from the table.
        ConfigurationError: What the user says does not fit the table.
    """
    sources = [name for name in raw.columns if name not in (SOURCE_ROW, "source_file")]
    asked = [problem_options.target, *problem_options.keys, *filter(None, [problem_options.time])]
    require_columns(sources, asked, "The table")
    if set(sources) <= set(asked):
        raise DataError(f"The table has no column to predict {problem_options.target!r} from.")
    rows = int(raw.count().execute())
    sample = sample_rows(raw, sources, rows)
    columns, reading = recognise_all(sample, sources, problem_options)
    named = {each.source: each for each in columns}
    label = _look_at_label(raw, named[problem_options.target], problem_options)
    relations = relate_rows(raw, columns, label, reading, problem_options)
    identity, states = relations.identity, relations.states
    # A clock says nothing without its date; a month does.
    clocks = {each.clock for each in columns if each.clock and "%Y " not in each.layout}
    others = {*identity.sources, *clocks, problem_options.target}
    features = [each for each in columns if each.source not in others]
    dangers = _look_for_dangers(sample, features, label, named[problem_options.target])
    why = dangers.left_out
    kept = [each for each in features if each.name not in why]
    left_out = {each.source: why[each.name] for each in features if each.name in why}
    rejected = _share_rejected(label, states, rows)
    usable = round(label.rows * (1 - rejected)) if states else label.rows
    split, notes = choose_split(usable, history=identity.time is not None)
    label_name = named[problem_options.target].name
    if label.task == "regression":
        reading = replace(reading, missing=tuple(dict.fromkeys([*reading.missing, *label.unknown])))
    spec = ProblemSpec(
        name=problem_options.name,
        description=f"{_say(label, label_name)} One row is one row of the source.",
        task=label.task,
        row_id=identity.row_id,
        entity_keys=list(identity.keys),
        event_time=identity.time,
        label=label_name,
        label_time=identity.label_time,
        period_days=identity.period_days,
        request_columns=[each.name for each in kept],
        slices=_choose_slices(kept),
        primary_metric=label.metric,
        threshold=Threshold(maximise="f1") if label.task == "binary" else None,
        split=split,
    )
    looks = [*describe_columns(columns, reading), *describe_duplicates(raw, sources, rows)]
    used = {*(each.source for each in kept), *identity.sources, problem_options.target}
    return Proposal(
        spec=spec,
        reading=_declare(
            [*kept, *_keys_of(columns, identity)], identity, reading, problem_options.target
        ),
        label=label,
        label_name=label_name,
        identity=identity,
        left_out=left_out,
        states=states,
        rejected_share=rejected,
        rows=rows,
        columns=_look_at_columns(sample, columns, _name_roles(identity, label), dangers),
        findings=[*describe_label(label), *relations.findings, *notes, *dangers.findings, *looks],
        questions=[
            *label.questions,
            *relations.questions,
            *filter(None, map(ask_about, (c for c in columns if c.source in used))),
        ],
    )


def _name_roles(identity: Identity, label: Label) -> dict[str, Role]:
    """Return what each source column is that is neither a feature nor left out."""
    roles: dict[str, Role] = dict.fromkeys(identity.key_sources, "key")
    if identity.row_source:
        roles[identity.row_source] = "row id"
    if identity.time_column:
        roles[identity.time_column.source] = "time"
    return {**roles, label.source: "target"}


def _look_at_columns(
    sample: pd.DataFrame,
    columns: list[Column],
    roles: dict[str, Role],
    dangers: DatasetWarnings,
) -> tuple[ColumnLook, ...]:
    values = read_sample(sample, columns)
    looks = []
    for column in columns:
        why = dangers.left_out.get(column.name)
        remarks = [*([f"left out: {why}"] if why else [])]
        remarks += [finding.found.partition(": ")[2] for finding in describe_column(column)]
        looks.append(
            look_at(
                column,
                sample[column.source],
                values[column.name],
                role=roles.get(column.source, "left out" if why else "feature"),
                strength=dangers.strengths.get(column.name),
                remarks=remarks,
            )
        )
    return tuple(looks)


def _share_rejected(label: Label, states: ChangeLog | None, rows: int) -> float:
    """Return the share of the rows that what was chosen here rejects."""
    rare = label.rows_left_out / rows
    return rare + (1 - states.cases / states.rows if states else 0.0)


def sample_rows(raw: ir.Table, sources: list[str], rows: int) -> pd.DataFrame:
    """Take every n-th row as stripped texts, at most 20,000 of them."""
    step = -(-rows // SAMPLE_ROWS) or 1
    chosen = raw.filter((raw[SOURCE_ROW] - 1) % step == 0).order_by(SOURCE_ROW)
    # Positions stand for names, which may differ only in their capitals.
    texts = {f"c{place}": as_text(chosen[name]) for place, name in enumerate(sources)}
    frame: pd.DataFrame = chosen.select(**texts).to_pandas().astype(object)
    return frame.where(frame.notna(), None).set_axis(sources, axis=1)


def _look_at_label(raw: ir.Table, column: Column, problem_options: ProblemOptions) -> Label:
    text = as_text(raw[problem_options.target])
    counted = raw.select(value=text).group_by("value").aggregate(rows=lambda t: t.count())
    ordered = counted.order_by(ibis.desc("rows"), "value").limit(SAMPLE_ROWS).to_pandas()
    known = ordered[ordered["value"].notna()]
    counts = dict(zip(known["value"], known["rows"].astype(int), strict=True))
    [facts] = raw.aggregate(rows=raw.count(), known=text.count()).to_pyarrow().to_pylist()
    values = LabelValues(
        source=problem_options.target,
        counts=counts,
        rows=facts["known"],
        blanks=facts["rows"] - facts["known"],
        decimal=column.form,
        missing=(*MISSING_WORDS, *column.marks),
    )
    options = LabelOptions(
        task=problem_options.task,
        positive=problem_options.positive,
        missing=problem_options.label_missing,
        keep_spellings=problem_options.keep_spellings,
        rare=problem_options.rare,
    )
    return infer_label(values, options)


def _look_for_dangers(
    sample: pd.DataFrame, features: list[Column], label: Label, column: Column
) -> DatasetWarnings:
    if not features:
        raise DataError(f"The table has no column to predict {label.source!r} from.")
    target = read_label(sample[label.source], label, column)
    fine = target.notna().to_numpy()
    read = read_sample(sample, features)[fine].reset_index(drop=True)
    sources = {each.name: each.source for each in features}
    return find_dangers(read, target[fine].reset_index(drop=True), label.task, sources)


def read_label(texts: pd.Series, label: Label, column: Column) -> pd.Series:
    """Give numbers of classes, or values; NaN where the label is not known."""
    if label.task == "regression":
        return read_number_texts(texts.mask(texts.isin(column.marks), None), column.form)
    places = {name: place for place, name in enumerate(label.classes)}
    places |= {text: places[name] for text, name in label.spellings.items()}
    return texts.map(places).astype("float64")


def _keys_of(columns: list[Column], identity: Identity) -> list[Column]:
    names = {*identity.key_sources, *filter(None, [identity.row_source])}
    return [each for each in columns if each.source in names]


def _declare(
    columns: list[Column], identity: Identity, reading: ColumnParser, label: str
) -> ColumnParser:
    """Declare how the columns of the contract are read; a key is always a text."""
    keys = {*identity.key_sources, identity.row_source}
    numbers = [c for c in columns if c.kind == "number" and c.source not in keys]
    moments = [c for c in columns if c.kind == "moment" and c.source not in keys]
    read = {c.name for c in (*numbers, *moments)}
    dated = {c.name: (c.source, c.layout) for c in moments}
    clocks = {c.name: c.clock for c in moments if c.clock}
    if identity.time is not None and identity.time_column is not None:
        dated[identity.time] = (identity.time_column.source, identity.time_column.layout)
        if identity.time_column.clock:
            clocks[identity.time] = identity.time_column.clock
    read_from = {c.source for c in columns} | {source for source, _ in dated.values()}
    read_from |= {label}
    return ColumnParser(
        texts={c.name: c.source for c in columns if c.name not in read},
        numbers={c.name: c.source for c in numbers},
        moments=dated,
        clocks=clocks,
        formats={name: form for name, form in reading.formats.items() if name in read_from},
        missing=reading.missing,
        marks={name: marks for name, marks in reading.marks.items() if name in read_from},
        sentinels={c.name: c.sentinels for c in numbers if c.sentinels},
    )


def _choose_slices(columns: list[Column]) -> list[str]:
    few = [c.name for c in columns if c.kind == "text" and 2 <= c.distinct <= _MAX_SLICE_VALUES]
    return sorted(few, key=lambda name: not _GROUPS.search(name))[:_MAX_SLICES]


def _say(label: Label, name: str) -> str:
    if label.task == "binary":
        return f"Whether {name} is {label.classes[1]}."
    return f"Which {name} it is." if label.task == "multiclass" else f"The value of {name}."
