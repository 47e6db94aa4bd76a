"""What moved each prediction: SHAP values, added up to the columns that a user knows."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.core.evaluation.calibration import CalibratedClassifier
from fullcircle.core.metrics import Vector

DERIVED = "(derived)"  # prepared columns whose name tells no original column

_PERMUTED_ROWS = 100
_SWARM_COLUMNS = 10
_SWARM_ROWS = 200


@dataclass(frozen=True)
class _Explained:
    """Values of shape (rows, columns) or (rows, columns, classes), and whence each column is."""

    explainer: str
    output: str
    contributions: Vector
    origins: list[str]


def shap_values(
    estimator: Any, inputs: pd.DataFrame, *, max_rows: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Attribute predictions to columns by Shapley values.

    A pipeline that ends in trees or a linear model is explained exactly (Lundberg et al., Nature
    Machine Intelligence 2 (2020) 56-67), and the values of all columns that its preparation made
    from one original column, told by their names, are added up. Anything else is explained on the
    original columns by permutations (Lundberg and Lee, NeurIPS 2017), on fewer rows. Of a
    calibrated model the one below is explained.

    Args:
        estimator: Fitted estimator, calibrated or not.
        inputs: Rows to explain, shape (rows, columns).
        max_rows: From more rows, this many are drawn.
        seed: Seed of the draws.

    Returns:
        Plain values: ``explainer``, ``output`` (what the values add up to: ``probability``,
        ``log-odds``, ``margin``, ``value`` or, of many classes, ``score per class``), ``rows``,
        ``columns`` (each ``column`` and its ``mean_abs``, the largest first; the mean over classes
        where there are many) and ``swarm``: of the first ten columns each row's ``shap`` and
        ``level`` (rank of the value from 0 to 1, None for texts and missing values); empty for
        many classes.

    Raises:
        ConfigurationError: The library shap is not installed.
        DataError: There are no rows.
    """
    shap = _import_shap()
    if not len(inputs):
        raise DataError("SHAP values need at least one row.")
    estimator = estimator.estimator if isinstance(estimator, CalibratedClassifier) else estimator
    inputs = _draw_rows(inputs, max_rows, seed)
    explained = _explain_prepared(shap, estimator, inputs, seed)
    if explained is None:
        inputs = _draw_rows(inputs, _PERMUTED_ROWS, seed)
        explained = _explain_by_permutation(shap, estimator, inputs, seed)
    contributions = explained.contributions
    summed = _add_up(contributions, explained.origins)
    strength = {name: float(np.abs(v).mean()) for name, v in summed.items()}
    ranked = sorted(strength, key=lambda name: -strength[name])
    return {
        "explainer": explained.explainer,
        "output": explained.output,
        "rows": len(inputs),
        "columns": [{"column": name, "mean_abs": strength[name]} for name in ranked],
        "swarm": _draw_swarm(summed, ranked, inputs) if contributions.ndim == 2 else [],
    }


def attribute_rows(
    estimator: Any, inputs: pd.DataFrame, background: pd.DataFrame, seed: int = 0
) -> list[dict[str, Any]]:
    """Attribute each row's prediction to its columns, as ``shap_values`` does for many rows.

    Args:
        estimator: Fitted estimator, calibrated or not.
        inputs: Rows to explain, shape (rows, columns).
        background: Rows that stand for the average; trees that know their own need none.
        seed: Seed of the draws.

    Returns:
        Per row ``explainer``, ``output`` (what the values add up to), and ``contributions`` by
        column, the largest first; of more than two classes a list per column.

    Raises:
        ConfigurationError: The library shap is not installed.
    """
    shap = _import_shap()
    estimator = estimator.estimator if isinstance(estimator, CalibratedClassifier) else estimator
    explained = _explain_prepared(shap, estimator, inputs, seed, background)
    if explained is None:
        explained = _explain_by_permutation(shap, estimator, inputs, seed, background)
    summed = _add_up(explained.contributions, explained.origins)
    facts = {"explainer": explained.explainer, "output": explained.output}
    return [
        {
            **facts,
            "contributions": dict(
                sorted(
                    ((name, values[row].tolist()) for name, values in summed.items()),
                    key=lambda item: -float(np.abs(item[1]).max()),
                )
            ),
        }
        for row in range(len(inputs))
    ]


def find_origin(name: str, columns: list[str]) -> str:
    """Find the original column that a prepared column was made from, by its name.

    Example:
        >>> find_origin("texts__plan_Gold", ["plan", "plan_months"])
        'plan'
        >>> find_origin("numbers__missingindicator_plan_months", ["plan", "plan_months"])
        'plan_months'
    """
    for plain in (name.partition("__")[2], name):  # without and with the transformer's name
        bare = plain.removeprefix("missingindicator_")
        fitting = [c for c in columns if bare.startswith(c) and not bare[len(c) :][:1].isalnum()]
        if fitting:
            return max(fitting, key=len)
    return DERIVED


def _import_shap() -> Any:
    try:
        with warnings.catch_warnings():  # shap calls what matplotlib is going to rename
            warnings.simplefilter("ignore")
            import shap  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise ConfigurationError(
            "SHAP values need the extra 'explain': pip install 'fullcircle[explain]'."
        ) from error
    return shap


def _draw_rows(inputs: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    return inputs if len(inputs) <= most else inputs.sample(most, random_state=seed).sort_index()


def _explain_prepared(
    shap: Any,
    estimator: Any,
    inputs: pd.DataFrame,
    seed: int,
    background: pd.DataFrame | None = None,
) -> _Explained | None:
    """Explain the last step of a pipeline; None where it is no pipeline, tree or linear model."""
    if not hasattr(estimator, "steps"):
        return None
    model = estimator[-1]
    try:
        prepared = _prepare(estimator, inputs)
        typical = prepared if background is None else _prepare(estimator, background)
    except (AttributeError, ValueError):  # some step does not name its columns
        return None
    matrix = prepared.to_numpy()
    try:
        if hasattr(model, "coef_"):
            usual = _draw_background(typical.to_numpy(), 100, seed)
            explainer = shap.LinearExplainer(model, usual)
        else:
            explainer = shap.TreeExplainer(model)
    except Exception:  # shap's error for a model that it does not know is private
        return None
    values, base = _unpack(explainer(matrix))
    columns = [str(column) for column in inputs.columns]
    return _Explained(
        type(explainer).__name__,
        _name_output(estimator, inputs, values, base),
        values,
        [find_origin(str(name), columns) for name in prepared.columns],
    )


def _prepare(estimator: Any, inputs: pd.DataFrame) -> pd.DataFrame:
    """Give what a pipeline's last step sees, its columns named."""
    if len(estimator.steps) == 1:
        return inputs
    names = [str(name) for name in estimator[:-1].get_feature_names_out()]
    rows = estimator[:-1].transform(inputs)
    rows = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
    return pd.DataFrame(rows.astype("float64"), columns=names)


def _explain_by_permutation(
    shap: Any,
    estimator: Any,
    inputs: pd.DataFrame,
    seed: int,
    background: pd.DataFrame | None = None,
) -> _Explained:
    """Explain any estimator on its original columns, texts passed through shap as numbers."""
    every = inputs if background is None else pd.concat([inputs, background], ignore_index=True)
    texts = {
        name: pd.factorize(every[name])
        for name in every
        if not pd.api.types.is_numeric_dtype(every[name])
    }
    coded = every.assign(**{str(name): codes for name, (codes, _) in texts.items()})
    predict = getattr(estimator, "predict_proba", None) or estimator.predict

    def function(matrix: Vector) -> Vector:
        frame = pd.DataFrame(matrix, columns=inputs.columns)
        for name, (_, known) in texts.items():
            values = np.append(np.asarray(known, dtype=object), np.nan)  # code -1 is the last
            frame[name] = pd.Series(values[frame[name].astype("int64")], dtype=object)
        return np.asarray(predict(frame), dtype="float64")

    everything = coded.to_numpy(dtype="float64")
    matrix = everything[: len(inputs)]
    usual = _draw_background(everything[0 if background is None else len(inputs) :], 20, seed)
    explainer = shap.PermutationExplainer(function, usual, seed=seed)
    once = 2 * matrix.shape[1] + 1
    values, base = _unpack(explainer(matrix, max_evals=once, silent=True))
    output = _name_output(estimator, inputs, values, base)
    return _Explained("PermutationExplainer", output, values, [str(c) for c in inputs.columns])


def _draw_background(matrix: Vector, most: int, seed: int) -> Vector:
    rng = np.random.default_rng(seed)
    return matrix[np.sort(rng.choice(len(matrix), min(most, len(matrix)), replace=False))]


def _unpack(explained: Any) -> tuple[Vector, Vector]:
    """Values, shape (rows, columns) or, of more than two classes, (rows, columns, classes)."""
    values, base = np.asarray(explained.values), np.asarray(explained.base_values)
    if values.ndim == 3 and values.shape[2] <= 2:
        return values[:, :, -1], base[..., -1]
    return values, base


def _name_output(estimator: Any, inputs: pd.DataFrame, values: Vector, base: Vector) -> str:
    """Say what base and values add up to, by comparing the sums with the predictions."""
    if values.ndim == 3:
        return "score per class"
    if not hasattr(estimator, "predict_proba"):
        return "value"
    probability = np.asarray(estimator.predict_proba(inputs), dtype="float64")[:, 1]
    total = base + values.sum(axis=1)
    if np.allclose(total, probability, atol=1e-3):
        return "probability"
    return "log-odds" if np.allclose(expit(total), probability, atol=1e-3) else "margin"


def _add_up(values: Vector, origins: list[str]) -> dict[str, Vector]:
    """Sum the values of the prepared columns of each original column, by its name."""
    groups = {name: [i for i, o in enumerate(origins) if o == name] for name in origins}
    return {name: values[:, places].sum(axis=1) for name, places in groups.items()}


def _draw_swarm(
    summed: dict[str, Vector], ranked: list[str], inputs: pd.DataFrame
) -> list[dict[str, Any]]:
    rows = np.linspace(0, len(inputs) - 1, min(len(inputs), _SWARM_ROWS)).astype("int64")
    return [
        {
            "column": name,
            "shap": summed[name][rows].tolist(),
            "level": _rank(inputs, name)[rows].tolist(),
        }
        for name in ranked[:_SWARM_COLUMNS]
    ]


def _rank(inputs: pd.DataFrame, name: str) -> Vector:
    """Rank of each row's value from 0 to 1; None where there is none."""
    if name not in inputs or not pd.api.types.is_numeric_dtype(inputs[name]):
        return np.full(len(inputs), None, dtype=object)
    rank = inputs[name].rank(pct=True).astype(object)
    return np.asarray(rank.where(rank.notna(), None), dtype=object)
