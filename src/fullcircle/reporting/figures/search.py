"""Figures of a search: its history, its parameters and which of them matter.

A trial is a mapping with ``candidate``, ``number``, ``params`` (``parameters`` is read too),
``score`` (None without one), ``seconds`` and ``state``: complete, pruned or failed.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fullcircle.core.metrics import METRICS
from fullcircle.reporting.figures.style import BLUE, PALETTE, RED, name_metric, new_figure

_MARKS = {"complete": "circle", "pruned": "x-thin-open", "failed": "triangle-down"}
_MAX_TRIALS = 1000


def search_history_figure(trials: list[dict[str, Any]], metric: str) -> go.Figure | None:
    """Draw the scores in the order of the trials given, by candidate, and the best so far.

    Pruned trials are drawn as crosses where they have a score. None without any complete trial.
    Of more than 1000 trials a random 1000 and every new best are drawn.

    Args:
        trials: Trials of all candidates in the order in which they ended.
        metric: Name in METRICS.
    """
    greater = METRICS[metric].greater_is_better
    scores = [t["score"] if t["state"] == "complete" else None for t in trials]
    if all(score is None for score in scores):
        return None
    worst = -np.inf if greater else np.inf
    values = np.array([worst if score is None else score for score in scores], dtype=float)
    best = (np.maximum if greater else np.minimum).accumulate(values)
    record = np.flatnonzero(best != np.concatenate([[worst], best[:-1]]))
    drawn = np.random.default_rng(0).permutation(len(trials))[:_MAX_TRIALS]
    kept = sorted({*drawn.tolist(), *record.tolist()})
    figure = new_figure("Search", "trial", name_metric(metric))
    names = list(dict.fromkeys(trial["candidate"] for trial in trials))
    for position, name in enumerate(names):
        own = [i for i in kept if trials[i]["candidate"] == name and trials[i]["score"] is not None]
        figure.add_scatter(
            x=[i + 1 for i in own],
            y=[trials[i]["score"] for i in own],
            mode="markers",
            marker={
                "symbol": [_MARKS[trials[i]["state"]] for i in own],
                "color": PALETTE[position % len(PALETTE)],
                "line": {"width": 1, "color": PALETTE[position % len(PALETTE)]},
                "size": 8,
            },
            text=[_describe(trials[i]) for i in own],
            hovertemplate="%{text}<br>%{y:.4f}<extra></extra>",
            name=name,
        )
    ends = [*record.tolist(), len(trials) - 1]
    line = {"shape": "hv", "color": RED, "width": 2}
    x, y = [i + 1 for i in ends], [float(best[i]) for i in ends]
    figure.add_scatter(x=x, y=y, mode="lines", line=line, name="best so far")
    return figure


def _describe(trial: dict[str, Any]) -> str:
    """One trial in a few words, for hovering."""
    known = {name: _shorten(value) for name, value in list(_parameters(trial).items())[:8]}
    settings = ", ".join(f"{name}={value}" for name, value in known.items()) or "untuned"
    return f"{trial['candidate']} {trial['number']}, {trial['state']}<br>{settings}"


def _shorten(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:30]


def parallel_coordinates_figure(trials: list[dict[str, Any]], metric: str) -> go.Figure | None:
    """Draw each complete trial of one candidate as a line through its parameters and score.

    None with fewer than two complete trials, or where no parameter varies. Arguments as in
    search_history_figure.
    """
    rows, varied = _vary(trials)
    if not varied:
        return None
    rows = rows[-_MAX_TRIALS:]
    scores = [row["score"] for row in rows]
    figure = new_figure(f"Parameters tried: {rows[0]['candidate']}", "", "", width=900)
    dimensions = [
        {"label": metric, "values": scores},
        *(_as_dimension(name, [_parameters(row)[name] for row in rows]) for name in varied),
    ]
    figure.add_parcoords(
        dimensions=dimensions,
        line={
            "color": scores,
            "colorscale": "Viridis",
            "reversescale": not METRICS[metric].greater_is_better,
            "showscale": True,
            "colorbar": {"title": {"text": metric}},
        },
    )
    figure.update_layout(margin={"t": 110})
    return figure


def _as_dimension(name: str, values: list[Any]) -> dict[str, Any]:
    """One axis: numbers as they are, or by their logarithm where they span orders of magnitude."""
    if not all(map(_is_number, values)):
        known = sorted({str(value) for value in values})
        places = [known.index(str(value)) for value in values]
        return {
            "label": name,
            "values": places,
            "tickvals": list(range(len(known))),
            "ticktext": known,
        }
    if not _is_logarithmic(values):
        return {"label": name, "values": [float(f"{value:.4g}") for value in values]}
    logarithms = np.log10(values)
    ticks = np.linspace(logarithms.min(), logarithms.max(), 5)
    return {
        "label": f"{name} (log)",
        "values": logarithms.round(6).tolist(),
        "tickvals": ticks.round(6).tolist(),
        "ticktext": [f"{10**tick:.2g}" for tick in ticks],
    }


def hyperparameter_importance_figure(
    trials: list[dict[str, Any]], metric: str, *, seed: int = 0
) -> go.Figure | None:
    """Draw what part of the scores' variance each parameter of one candidate explains.

    By functional ANOVA (Hutter, Hoos and Leyton-Brown, ICML 2014). None with fewer than two
    complete trials, where no parameter varies, or where all scores are equal. Arguments as in
    search_history_figure; ``seed`` is that of the trees behind it.
    """
    import optuna

    rows, varied = _vary(trials)
    if not varied or len({row["score"] for row in rows}) < 2:
        return None
    with _quiet_optuna():
        study = optuna.create_study(
            direction="maximize" if METRICS[metric].greater_is_better else "minimize"
        )
    spaces = {name: _space([_parameters(row)[name] for row in rows]) for name in varied}
    for row in rows:
        params = {name: _as_choice(_parameters(row)[name], spaces[name]) for name in varied}
        study.add_trial(
            optuna.create_trial(value=row["score"], params=params, distributions=spaces)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    names = sorted(shares, key=lambda name: shares[name])
    title = f"Parameters that matter: {rows[0]['candidate']}"
    x_title = f"share of the variance of {metric} over {len(rows)} trials"
    figure = new_figure(title, x_title, "", height=160 + 30 * len(names))
    values = [float(shares[name]) for name in names]
    figure.add_bar(x=values, y=names, orientation="h", marker_color=BLUE)
    return figure


def _vary(trials: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Complete trials that name every common parameter, and the parameters that vary among them.

    A trial that names none of what the others tune, such as an untuned one, is left out.
    """
    complete = [t for t in trials if t["state"] == "complete" and t["score"] is not None]
    fullest = max((len(_parameters(t)) for t in complete), default=0)
    rows = [t for t in complete if fullest and len(_parameters(t)) == fullest]
    common = (
        [n for n in _parameters(rows[0]) if all(n in _parameters(r) for r in rows)] if rows else []
    )
    varied = [n for n in common if len({str(_parameters(row)[n]) for row in rows}) > 1]
    return rows, varied


def _parameters(trial: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = trial["params"] if "params" in trial else trial["parameters"]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_logarithmic(values: list[Any]) -> bool:
    return bool(min(values) > 0 and max(values) / min(values) >= 100)


def _space(values: list[Any]) -> Any:
    """Range of a parameter as optuna describes it, from the values that were tried."""
    from optuna import distributions

    if not all(map(_is_number, values)):
        return distributions.CategoricalDistribution(sorted({str(value) for value in values}))
    low, high = float(min(values)), float(max(values))
    return distributions.FloatDistribution(low, high, log=_is_logarithmic(values))


def _as_choice(value: Any, space: Any) -> Any:
    return str(value) if hasattr(space, "choices") else float(value)


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keep optuna from announcing a study that is never searched."""
    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
