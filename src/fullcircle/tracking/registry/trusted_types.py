"""What an estimator may be made of, so that loading and using it reads no file and runs no code.

skops builds listed types alone, but trusts every estimator of scikit-learn, some of which open
files when they are asked to (``CountVectorizer(input="filename")``). So what it built is looked
through: only types of our own families, with parameters that name no file and no function.

The lists lie here, not in the model: a model that could name its own trusted types could name any
code. A project that adds a family with types of its own declares them (``declared_types``).
"""

from pathlib import Path
from typing import Any

import numpy as np

from fullcircle.core.errors import ModelError
from fullcircle.tracking.registry.declared_types import HOW_TO_TRUST, list_declared
from fullcircle.tracking.registry.estimator_walk import name_type, walk_objects

# Types beyond skops' own list that our estimators are made of.
TRUSTED_TYPES = [
    "collections.OrderedDict",
    "fullcircle.core.evaluation.calibration.CalibratedClassifier",
    "fullcircle.core.training.candidates.LastValueRegressor",
    "fullcircle.core.preparation.encoders.ColumnGroup",
    "fullcircle.core.preparation.encoders.Folds",
    "fullcircle.core.preparation.encoders.TextEncoder",
    "fullcircle.core.preparation.reader.ColumnReader",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "skrub._string_encoder.StringEncoder",
    "skrub._to_str.ToStr",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
]

# Types of skops' own list that our families use.
_FAMILY_TYPES = {
    "collections.defaultdict",
    "ctypes.c_void_p",  # of a booster's handle, made anew by the library
    "numpy.random._generator.Generator",
    "sklearn._loss._loss.CyHalfBinomialLoss",
    "sklearn._loss._loss.CyHalfMultinomialLoss",
    "sklearn._loss._loss.CyHalfSquaredError",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.link.MultinomialLogit",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfMultinomialLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn.compose._column_transformer.ColumnTransformer",
    "sklearn.decomposition._truncated_svd.TruncatedSVD",
    "sklearn.dummy.DummyClassifier",
    "sklearn.dummy.DummyRegressor",
    "sklearn.ensemble._forest.RandomForestClassifier",
    "sklearn.ensemble._forest.RandomForestRegressor",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor",
    "sklearn.ensemble._voting.VotingClassifier",
    "sklearn.ensemble._voting.VotingRegressor",
    "sklearn.feature_extraction.text.HashingVectorizer",
    "sklearn.feature_extraction.text.TfidfTransformer",
    "sklearn.feature_extraction.text.TfidfVectorizer",
    "sklearn.impute._base.MissingIndicator",
    "sklearn.impute._base.SimpleImputer",
    "sklearn.linear_model._coordinate_descent.ElasticNet",
    "sklearn.linear_model._coordinate_descent.Lasso",
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.linear_model._ridge.Ridge",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.MinMaxScaler",
    "sklearn.preprocessing._data.PowerTransformer",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._encoders.OneHotEncoder",
    "sklearn.preprocessing._encoders.OrdinalEncoder",
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
    "sklearn.preprocessing._label.LabelEncoder",
    "sklearn.preprocessing._target_encoder.TargetEncoder",
    "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._classes.DecisionTreeRegressor",
    *TRUSTED_TYPES,
}
_PLAIN_BUILTINS = {
    f"builtins.{name}"
    for name in ("NoneType", "bool", "complex", "dict", "float", "int", "list", "set", "slice")
} | {"builtins.str", "builtins.tuple", "builtins.bytes", "builtins.frozenset"}

# What a parameter may be that could name a file, a folder or a function.
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "input": ("content",),
    "memory": (None,),
    "func": (None,),
    "inverse_func": (None,),
    "preprocessor": (None,),
    "tokenizer": (None,),
    "analyzer": ("word", "char", "char_wb"),
}


def list_trusted() -> list[str]:
    """Return the types beyond skops' own list that a model may be made of."""
    return [*TRUSTED_TYPES, *list_declared()]


def load_skops(path: Path, *, adopted: bool = False) -> Any:
    """Load an estimator from a format that holds data alone, and look through what came of it.

    Args:
        path: File of skops.
        adopted: Whether the model was made elsewhere: then any of scikit-learn's estimators may
            be in it.

    Raises:
        ModelError: It holds a type or a parameter that it may not hold.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    trusted = list_trusted()
    try:
        estimator = skops.io.load(path, trusted=trusted)
    except UntrustedTypesFoundException as error:
        found = sorted(set(skops.io.get_untrusted_types(file=path)) - set(trusted))
        raise ModelError(_word_refusal(", ".join(found))) from error
    check_estimator(estimator, adopted=adopted)
    return estimator


def _word_refusal(types: str) -> str:
    return f"it holds {types}, which no model here may be made of. {HOW_TO_TRUST}"


def check_estimator(estimator: Any, *, adopted: bool = False) -> None:
    """Refuse an estimator that holds what could read a file or run code.

    Raises:
        ModelError: Names the type, or the parameter and its value.
    """
    allowed = _list_types(adopted=adopted)
    for found in walk_objects(estimator):
        name = name_type(found)
        if not _is_plain(found, name) and name not in allowed:
            raise ModelError(_word_refusal(name))
        _check_parameters(found, name)


def _list_types(*, adopted: bool) -> set[str]:
    types = {*_FAMILY_TYPES, *list_declared()}
    if not adopted:
        return types
    from skops.io import _trusted_types as known

    return {
        *types,
        *known.SKLEARN_ESTIMATOR_TYPE_NAMES,
        *known.SKLEARN_INTERNAL_TYPE_NAMES,
    }


def _is_plain(found: Any, name: str) -> bool:
    """Tell values, arrays and their types from all that has a behaviour of its own."""
    if isinstance(found, type):
        return issubclass(found, np.generic | bool | int | float | str)
    if isinstance(found, np.ndarray | np.generic | np.dtype):
        return True
    return name in _PLAIN_BUILTINS or name.startswith("scipy.sparse.")


def _check_parameters(found: Any, name: str) -> None:
    held = getattr(found, "__dict__", None)
    if not isinstance(held, dict) or not name.startswith(("sklearn.", "skrub.")):
        return
    for parameter, harmless in _HARMLESS.items():
        value = held.get(parameter, harmless[0])
        if not isinstance(value, str | None) or value not in harmless:
            raise ModelError(
                f"its {name.rpartition('.')[2]} has {parameter}={value!r}, and may only have "
                f"{' or '.join(map(repr, harmless))}"
            )
