"""The search over one frame, from rows to a result."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fullcircle.automl.handover import hand_over
from fullcircle.automl.options import Options, read_options
from fullcircle.automl.result import AutoMLResult
from fullcircle.automl.rows import (
    LABEL,
    as_events,
    declare_problem,
    find_key,
    refuse_odd_classes,
    select_rows,
    split_events,
)
from fullcircle.automl.tracking import track_search
from fullcircle.core.contract import Clock, Task
from fullcircle.core.errors import DataError
from fullcircle.core.evaluation import Estimate, estimate_scores
from fullcircle.core.gate import GateSettings
from fullcircle.core.parsing.raw_schema import RawSchema
from fullcircle.core.training.trial_store import NoTrialStore
from fullcircle.pipelines.training import nodes
from fullcircle.reporting.notebook import NotebookFacts

_TASKS: dict[int, Task] = {0: "regression", 2: "binary"}


def classify(frame: pd.DataFrame, target: str, **options: Any) -> AutoMLResult:
    """Find a good classifier for a target of two or more classes.

    Args:
        frame: One row per thing to predict; all columns but target, ``key`` and ``time`` may
            become features.
        target: Column to predict; rows where it is null are set aside.
        **options: See ``Options``.

    Raises:
        DataError: In one line, what about the frame makes it impossible.
    """
    chosen = read_options(options)
    rows = select_rows(frame, target, chosen)
    texts = rows[target].map(str)
    counts = texts.value_counts()
    refuse_odd_classes(target, counts)
    names = sorted(counts.index)
    label = texts.map({name: code for code, name in enumerate(names)})
    first = rows[target].groupby(texts).first()
    return _train(rows, label, target, chosen, [first[name] for name in names], len(frame))


def regress(frame: pd.DataFrame, target: str, **options: Any) -> AutoMLResult:
    """Find a good model for a target that is a number; arguments and errors as in ``classify``."""
    chosen = read_options(options)
    rows = select_rows(frame, target, chosen)
    label = pd.to_numeric(rows[target], errors="coerce").astype("float64")
    if label.isna().any():
        raise DataError(
            f"The target {target!r} holds values that are no numbers, such as "
            f"{rows[target][label.isna()].iloc[0]!r}. Clean them, or use classify."
        )
    rows, label = rows[np.isfinite(label)], label[np.isfinite(label)]
    if label.nunique() < 2:
        raise DataError(f"The target {target!r} has the same value in every row.")
    return _train(rows, label, target, chosen, [], len(frame))


def _train(
    rows: pd.DataFrame,
    label: pd.Series,
    target: str,
    options: Options,
    classes: list[Any],
    given: int,
) -> AutoMLResult:
    task: Task = _TASKS.get(len(classes), "multiclass")
    options, notes = _settle_key(rows, label, target, task, options)
    features = [name for name in rows.columns if name not in (target, options.time, options.key)]
    problem = declare_problem(task, features, options)
    training = options.settle()
    sets = split_events(as_events(rows, label, options), problem, options)
    schema = RawSchema.from_dict(options.raw_schema)
    plan = nodes.diagnose_train_set(sets["train"], problem, training, schema)
    search = nodes.search_candidates(sets["train"], plan, _journal(options), problem, training)
    candidates = nodes.fit_finalists(sets["train"], plan, search, problem, training)
    board = nodes.compare_candidates(
        candidates, search, sets["train"], sets["selection"], problem, training
    )
    winner = nodes.choose_winner(
        candidates, board, search, plan, sets["train"], sets["selection"], problem, training
    )
    clock = Clock.model_validate(pd.Timestamp.now("UTC").isoformat())
    challenger, final = (
        nodes.make_challenger(
            winner, plan, sets["train"], more, problem, training, clock, profiled=False
        )
        for more in (
            sets["selection"],
            pd.concat([sets["selection"], sets["gate"]], ignore_index=True),
        )
    )
    gate = sets["gate"]
    scores = estimate_scores(
        task,
        gate[LABEL].to_numpy(),
        challenger.predict(gate),
        threshold=challenger.threshold,
        also=[problem.primary_metric],
        resamples=training.bootstrap_resamples,
        confidence=training.confidence,
        seed=training.seed,
    )
    score = Estimate(**scores[problem.primary_metric])
    model = replace(final, scores=challenger.scores, raw_schema=options.raw_schema)
    notebook, run_id, model_uri = None, None, None
    if options.folder is not None:
        judging = GateSettings(
            min_rows=1,
            bootstrap_resamples=training.bootstrap_resamples,
            confidence=training.confidence,
            seed=training.seed,
        )
        facts = NotebookFacts(challenger, plan, board, {}, problem, training, judging)
        notebook = hand_over(options.folder, target, sets, facts, score)
    if options.track:
        run_id, model_uri = track_search(
            target, options, plan, search, board, model, scores, notebook
        )
    return AutoMLResult(
        leaderboard=_tabulate(board),
        model=model,
        classes=classes,
        score=score,
        scores=scores,
        columns=pd.DataFrame(plan)[["column", "kind", "action", "why"]],
        search=search,
        set_aside=given - len(rows),
        notes=notes,
        run_id=run_id,
        model_uri=model_uri,
        notebook=notebook,
    )


def _settle_key(
    rows: pd.DataFrame, label: pd.Series, target: str, task: Task, options: Options
) -> tuple[Options, list[str]]:
    """Take the column that repeats and fixes the label for the key, where nothing else is said."""
    if options.key is not None or options.time is not None or options.no_key:
        return options, []
    key = find_key(rows, label, target, task)
    if key is None:
        return options, []
    entities = rows[key].nunique()
    said = (
        f"{key} repeats ({entities:,} in {len(rows):,} rows) and fixes {target}: it is taken for "
        "the key, so that no two sets share one (no_key if each row is about something else)"
    )
    return options.model_copy(update={"key": key}), [said]


def _tabulate(board: list[dict[str, Any]]) -> pd.DataFrame:
    """Set the finalists in a table: each metric is a column, on the train rows with a prefix."""
    rows = [
        {
            **{name: value for name, value in row.items() if not name.endswith("scores")},
            **row["scores"],
            **{f"train_{name}": value for name, value in row["train_scores"].items()},
        }
        for row in board
    ]
    return pd.DataFrame(rows)


def _journal(options: Options) -> Any:
    """Remember finished trials where the winner will lie, so that a killed search goes on."""
    if options.folder is None:
        return NoTrialStore()
    from fullcircle.datasets.search_journal_dataset import SearchJournal

    return SearchJournal(options.folder.absolute() / "search")
