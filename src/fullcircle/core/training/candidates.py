"""The model families that compete.

To add one, write a function ``(task, seed, parameters) -> estimator`` and enter it in CANDIDATES
with the tasks it can do, the preparation it needs and the space that the search may explore.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge

from fullcircle.core.metrics import CLASSIFICATION, REGRESSION

if TYPE_CHECKING:
    import optuna

Parameters = dict[str, Any]
_ALL = (*CLASSIFICATION, *REGRESSION)


@dataclass(frozen=True)
class Candidate:
    """A model family.

    Attributes:
        build: ``build(task, seed, parameters) -> estimator``, unfitted, on one thread.
        tasks: Tasks that it can do.
        preparation: What its inputs must be: ``linear`` (no gaps, one scale, one-hot), ``imputed``
            (no gaps, categories as numbers) or ``trees`` (gaps allowed, categories as numbers).
        space: Draws parameters from the space of the search; None where there is nothing to tune.
        variants: Parameters tried before any search, the family's untuned self first.
        needs_time: Whether it means something only for rows in the order of time.
        requires: Package without which the family is left out.
    """

    build: Callable[[str, int, Parameters], Any]
    tasks: tuple[str, ...] = _ALL
    preparation: str = "trees"
    space: "Callable[[optuna.Trial], Parameters] | None" = None
    variants: list[Parameters] = field(default_factory=lambda: [{}])
    needs_time: bool = False
    requires: str | None = None

    def fits(self, task: str, *, ordered: bool) -> bool:
        """Whether the family can do the task, is installed, and finds the order that it needs."""
        return self.describe_misfit(task, ordered=ordered) is None

    def describe_misfit(self, task: str, *, ordered: bool) -> str | None:
        """Say why the family cannot do the task here; None where it can."""
        if task not in self.tasks:
            return f"cannot do a {task} task"
        if self.needs_time and not ordered:
            return "needs rows in the order of time"
        if self.requires is not None and find_spec(self.requires) is None:
            return f"needs the package {self.requires}, which is not installed"
        return None


class LastValueRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # untyped library
    """Predicts the last label of the rows it was fitted on, which come in the order of time."""

    def fit(self, inputs: Any, label: Any) -> "LastValueRegressor":
        """Remember the last label."""
        del inputs
        self.value_ = float(np.asarray(label)[-1])
        return self

    def predict(self, inputs: Any) -> np.ndarray:
        """Give it for each row."""
        return np.full(len(inputs), self.value_)


def baseline(task: str, seed: int, parameters: Parameters) -> Any:
    """Predict from the labels alone: each class's share, or the mean."""
    if task == "regression":
        return DummyRegressor(**parameters)
    return DummyClassifier(**{"strategy": "prior", "random_state": seed, **parameters})


def last_value(task: str, seed: int, parameters: Parameters) -> Any:
    """Predict that all stays as it was last."""
    del task, seed, parameters
    return LastValueRegressor()


def logistic_regression(task: str, seed: int, parameters: Parameters) -> Any:
    """Logistic regression with an L2 penalty."""
    del task
    return LogisticRegression(**{"max_iter": 2000, "random_state": seed, **parameters})


def _strength(trial: "optuna.Trial") -> Parameters:
    return {"C": trial.suggest_float("C", 1e-3, 1e2, log=True)}


def ridge(task: str, seed: int, parameters: Parameters) -> Any:
    """Least squares with an L2 penalty."""
    del task
    return Ridge(**{"random_state": seed, **parameters})


def lasso(task: str, seed: int, parameters: Parameters) -> Any:
    """Least squares with an L1 penalty (Tibshirani 1996)."""
    del task
    return Lasso(**{"alpha": 0.1, "max_iter": 5000, "random_state": seed, **parameters})


def elastic_net(task: str, seed: int, parameters: Parameters) -> Any:
    """Least squares with both penalties (Zou and Hastie 2005)."""
    del task
    return ElasticNet(**{"alpha": 0.1, "max_iter": 5000, "random_state": seed, **parameters})


def _penalty(trial: "optuna.Trial") -> Parameters:
    return {"alpha": trial.suggest_float("alpha", 1e-4, 1e3, log=True)}


def _penalties(trial: "optuna.Trial") -> Parameters:
    return {**_penalty(trial), "l1_ratio": trial.suggest_float("l1_ratio", 0.0, 1.0)}


def random_forest(task: str, seed: int, parameters: Parameters) -> Any:
    """Random forest (Breiman 2001), leaves of at least 5 rows."""
    regression = task == "regression"
    family = RandomForestRegressor if regression else RandomForestClassifier
    defaults = {
        "n_estimators": 100,
        "min_samples_leaf": 5,
        "max_features": 1 / 3 if regression else "sqrt",
        "n_jobs": 1,
        "random_state": seed,
    }
    return family(**{**defaults, **parameters})


def _forest(trial: "optuna.Trial") -> Parameters:
    return {
        "n_estimators": trial.suggest_int("n_estimators", 50, 200, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 60, log=True),
        "max_features": trial.suggest_float("max_features", 0.1, 1.0),
    }


def hist_gradient_boosting(task: str, seed: int, parameters: Parameters) -> Any:
    """Histogram gradient boosting of scikit-learn, without its own early stopping."""
    regression = task == "regression"
    family = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    defaults = {"max_iter": 100, "early_stopping": False, "random_state": seed}
    return family(**{**defaults, **parameters})


def _histogram(trial: "optuna.Trial") -> Parameters:
    return {
        "max_iter": trial.suggest_int("max_iter", 30, 500, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 4, 128, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 5, 100, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 100.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.3, 1.0),
    }


def xgboost(task: str, seed: int, parameters: Parameters) -> Any:
    """Gradient boosted trees (Chen and Guestrin 2016), shallow and slow to learn."""
    from xgboost import XGBClassifier, XGBRegressor

    family = XGBRegressor if task == "regression" else XGBClassifier
    defaults = {
        "n_estimators": 200,
        "max_depth": 3,
        "learning_rate": 0.05,
        "subsample": 0.8,
        "tree_method": "hist",
        "n_jobs": 1,
        "random_state": seed,
    }
    return family(**{**defaults, **parameters})


def _boosting(trial: "optuna.Trial") -> Parameters:
    return {
        "n_estimators": trial.suggest_int("n_estimators", 30, 1000, log=True),
        "max_depth": trial.suggest_int("max_depth", 1, 10),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 100.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 100.0, log=True),
    }


def lightgbm(task: str, seed: int, parameters: Parameters) -> Any:
    """Gradient boosted trees grown leaf by leaf (Ke et al. 2017)."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    family = LGBMRegressor if task == "regression" else LGBMClassifier
    defaults = {
        "n_estimators": 200,
        "num_leaves": 15,
        "learning_rate": 0.05,
        "subsample": 0.8,
        "subsample_freq": 1,
        "n_jobs": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "random_state": seed,
    }
    return family(**{**defaults, **parameters})


def _leaves(trial: "optuna.Trial") -> Parameters:
    return {
        "n_estimators": trial.suggest_int("n_estimators", 30, 1000, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 128, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 5, 100, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 100.0, log=True),
    }


# In the order of simplicity: of models that tie, the one named first wins.
CANDIDATES: dict[str, Candidate] = {
    "baseline": Candidate(baseline),
    "last_value": Candidate(last_value, REGRESSION, needs_time=True),
    "logistic_regression": Candidate(
        logistic_regression, CLASSIFICATION, "linear", _strength, [{}, {"C": 0.02}]
    ),
    "ridge": Candidate(ridge, REGRESSION, "linear", _penalty),
    "lasso": Candidate(lasso, REGRESSION, "linear", _penalty),
    "elastic_net": Candidate(elastic_net, REGRESSION, "linear", _penalties),
    "random_forest": Candidate(random_forest, preparation="imputed", space=_forest),
    "hist_gradient_boosting": Candidate(hist_gradient_boosting, space=_histogram),
    "xgboost": Candidate(
        xgboost,
        space=_boosting,
        variants=[{}, {"n_estimators": 600, "max_depth": 6, "colsample_bytree": 0.7}],
    ),
    "lightgbm": Candidate(lightgbm, space=_leaves, requires="lightgbm"),
}
