"""Loading models that were logged elsewhere, by any of MLflow's flavours.

Formats that hold data alone are read by their own libraries: skops, XGBoost's and LightGBM's. All
others run code when they are loaded, and are refused unless a person allows these very files.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fullcircle.core.errors import ModelError
from fullcircle.core.models.adopted import AdoptedEstimator
from fullcircle.tracking.registry.trusted_types import load_skops

ADOPTED = "adopted"  # key of a model's settings: what is known of one that was made elsewhere
ALLOW_CODE = "ALLOW_MODEL_CODE"  # digests whose files may run code here, with commas between
_MIN_DIGITS = 16


class CodeRefusedError(ModelError):
    """A model is kept in a format that runs code, and nobody allowed that."""


def is_allowed(digest: str | None) -> bool:
    """Tell whether the environment allows the files with this digest to run code.

    The environment says so, not the registry: who may write to the registry must not decide what
    runs on the machines that read it.
    """
    given = [text.strip() for text in os.environ.get(ALLOW_CODE, "").split(",")]
    return digest is not None and any(
        len(text) >= _MIN_DIGITS and digest.startswith(text) for text in given
    )


def read_metadata(folder: Path) -> Any:
    """Read a folder's MLmodel.

    Raises:
        ModelError: There is none, or it cannot be read.
    """
    from mlflow.models import Model

    try:
        return Model.load(str(folder / "MLmodel"))
    except Exception as error:  # whatever MLflow raises for a file that it cannot read
        raise ModelError(f"there is no MLflow model in {folder.name}: {error}") from error


def load_adopted(
    folder: Path, columns: Mapping[str, str], *, name: str, allow_code: bool
) -> AdoptedEstimator:
    """Load a model that was logged elsewhere, as an estimator that takes our inputs.

    Args:
        folder: Its files, which somebody has checked.
        columns: MLflow's type by input column, in order.
        name: What the model is called, for messages.
        allow_code: Whether a format that runs code may be loaded.

    Raises:
        CodeRefusedError: It is kept in such a format.
        ModelError: It holds what no model may be made of.
    """
    flavours = dict(read_metadata(folder).flavors)
    inner, kind = _load_data(folder, flavours)
    if inner is None:
        _refuse_code(name, allow_code=allow_code)
        inner, kind = _load_code(folder, flavours)
    return AdoptedEstimator(inner, columns, kind)


def load_pickled(folder: Path, *, name: str, allow_code: bool) -> Any:
    """Load an estimator of scikit-learn from a pickle, where that is allowed.

    Raises:
        CodeRefusedError: It is not.
    """
    _refuse_code(name, allow_code=allow_code)
    import mlflow

    return mlflow.sklearn.load_model(str(folder))


def _refuse_code(name: str, *, allow_code: bool) -> None:
    if not allow_code:
        raise CodeRefusedError(
            f"{name} is kept in a format that runs code when it is loaded, which is refused. If "
            f"you trust who made it, set {ALLOW_CODE} to its digest, or say 'allow_code: true' at "
            "the catalog entry."
        )


def _load_data(folder: Path, flavours: Mapping[str, Any]) -> tuple[Any, str]:
    """Load from a format that holds data alone; None where there is none."""
    sklearn = flavours.get("sklearn", {})
    if sklearn.get("serialization_format") == "skops":
        return load_skops(_find_file(folder, sklearn["pickled_model"]), adopted=True), "estimator"
    if "xgboost" in flavours:
        return _load_xgboost(folder, flavours["xgboost"])
    if flavours.get("lightgbm", {}).get("model_class") == "lightgbm.basic.Booster":
        import lightgbm

        file = _find_file(folder, flavours["lightgbm"]["data"])
        return lightgbm.Booster(model_file=str(file)), "booster"
    return None, ""


def _load_xgboost(folder: Path, flavour: Mapping[str, Any]) -> tuple[Any, str]:
    """Load XGBoost's own format; its class is looked up here, not imported by name."""
    import xgboost

    classes = {
        "xgboost.core.Booster": (xgboost.Booster, "xgboost"),
        "xgboost.sklearn.XGBClassifier": (xgboost.XGBClassifier, "estimator"),
        "xgboost.sklearn.XGBRegressor": (xgboost.XGBRegressor, "estimator"),
    }
    known = classes.get(str(flavour.get("model_class")))
    if known is None:
        return None, ""
    model = known[0]()
    model.load_model(str(_find_file(folder, flavour["data"])))
    return model, known[1]


def _load_code(folder: Path, flavours: Mapping[str, Any]) -> tuple[Any, str]:
    import mlflow

    if "sklearn" in flavours:
        return mlflow.sklearn.load_model(str(folder)), "estimator"
    return mlflow.pyfunc.load_model(str(folder)), "pyfunc"


def _find_file(folder: Path, name: str) -> Path:
    """Give a file of the model that its MLmodel names; it must lie in the folder.

    Raises:
        ModelError: It does not.
    """
    file = (folder / name).resolve()
    if not file.is_relative_to(folder.resolve()) or not file.is_file():
        raise ModelError(f"its MLmodel names {name!r}, which is no file of the model")
    return file
