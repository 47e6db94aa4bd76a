"""A model of the registry, by alias."""

import json
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from fullcircle.core.errors import ModelError
from fullcircle.core.model import Model, Registration

_DESCRIPTION = "fullcircle.json"

# Types beyond skops' own list that our estimators are made of. The list lies here, not in the
# model: a model that could name its own trusted types could name any code.
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


class ModelDataset(AbstractDataset[Model, Model | None]):
    """Loads the model that an alias names; saving registers a model, or moves the alias to it.

    A model without a place in the registry is logged to the current MLflow run, with signature,
    input example and requirements, and registered as a new version. The alias then names it.

    Example:
        ```yaml
        challenger:
          type: fullcircle.datasets.ModelDataset
          model_name: fullcircle.telco_churn.model
          alias: challenger

        incumbent:                    # the champion as the gate finds it; None where none exists
          type: fullcircle.datasets.ModelDataset
          model_name: fullcircle.telco_churn.model
          alias: champion
          optional: true
        ```
    """

    def __init__(
        self,
        *,
        model_name: str,
        alias: str,
        optional: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Declare the role.

        Args:
            model_name: Three-level name ``catalog.schema.model``.
            alias: The role.
            optional: Load None where no version has the alias, instead of refusing.
            metadata: Free facts for kedro-viz and other plugins.
        """
        self._name = model_name
        self._alias = alias
        self._optional = optional
        self.metadata = metadata

    def load(self) -> Model | None:
        """Load the model that the alias names.

        Raises:
            ModelError: No version has the alias, or its files are not what they should be.
        """
        version = self._find_version()
        if version is None and self._optional:
            return None
        if version is None:
            raise ModelError(
                f"The registry has no {self._alias} of {self._name} yet. "
                "Train and promote one first: kedro run."
            )
        return read_model(version)

    def save(self, data: Model) -> None:
        """Register the model if it is new, and let the alias name it."""
        from mlflow import MlflowClient

        registration = data.registration or _register(data, self._name)
        version = self._find_version()
        if version is None or str(version.version) != registration.version:
            MlflowClient().set_registered_model_alias(self._name, self._alias, registration.version)

    def data_version(self) -> str | None:
        """Version that the alias names now, for lineage."""
        version = self._find_version()
        return f"{self._name} v{version.version}" if version else None

    def _find_version(self) -> Any:
        from mlflow import MlflowClient, MlflowException

        try:
            return MlflowClient().get_model_version_by_alias(self._name, self._alias)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise

    def _exists(self) -> bool:
        return self._find_version() is not None

    def _describe(self) -> dict[str, Any]:
        return {"model_name": self._name, "alias": self._alias, "optional": self._optional}


def _register(model: Model, name: str) -> Registration:
    """Log the model to the current run and register it as the next version."""
    return _add_version(name, log_model(model), {"candidate": model.candidate})


def log_model(model: Model) -> Any:
    """Log the model to the current run, with signature, input example and requirements."""
    import mlflow
    from mlflow import MlflowClient
    from mlflow.models import infer_signature

    info = mlflow.sklearn.log_model(
        model.estimator,
        name=model.candidate,
        serialization_format="skops",
        skops_trusted_types=TRUSTED_TYPES,
        signature=infer_signature(model.example, model.predict(model.example)),
        input_example=model.example,
        pip_requirements=_requirements(),
        pyfunc_predict_fn="predict" if model.task == "regression" else "predict_proba",
        metadata={
            "features": model.features,
            "feature_lookups": [lookup.model_dump(mode="json") for lookup in model.lookups],
        },
    )
    with tempfile.TemporaryDirectory() as folder:
        description = Path(folder) / _DESCRIPTION
        description.write_text(json.dumps(model.describe(), indent=1), encoding="utf-8")
        MlflowClient().log_model_artifact(info.model_id, str(description))
    return info


def _add_version(name: str, info: Any, tags: dict[str, str]) -> Registration:
    """Enter a logged model into the registry as the next version of its name."""
    from mlflow import MlflowClient, MlflowException

    client = MlflowClient()
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = client.create_model_version(
        name, source=info.model_uri, run_id=info.run_id, model_id=info.model_id, tags=tags
    )
    return Registration(name, str(version.version), str(info.run_id))


def _requirements() -> list[str]:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for library in ("scikit-learn", "skops", "skrub", "xgboost-cpu", "lightgbm", "pandas", "numpy"):
        with suppress(PackageNotFoundError):
            found.append(f"{library}=={version(library)}")
    return found


def find_version(uri: str) -> Any:
    """Find the registered version that ``models:/name@alias`` or ``models:/name/version`` names.

    Raises:
        ModelError: The address has another form, or names nothing.
    """
    from mlflow import MlflowClient, MlflowException

    form = re.fullmatch(r"models:/([^@/]+)(?:@([^/]+)|/(\d+))", uri)
    if form is None:
        raise ModelError(f"{uri!r} is neither models:/name@alias nor models:/name/version.")
    name, alias, number = form.groups()
    try:
        if alias:
            return MlflowClient().get_model_version_by_alias(name, alias)
        return MlflowClient().get_model_version(name, number)
    except MlflowException as error:
        raise ModelError(f"The registry has no {uri}.") from error


def read_model(version: Any) -> Model:
    """Fetch a version's files and rebuild the model, trusting only our own list of types."""
    import mlflow
    import pandas as pd
    import skops.io

    registration = Registration(version.name, str(version.version), str(version.run_id))
    try:
        folder = Path(
            mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}")
        )
        description = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        example = json.loads((folder / "input_example.json").read_text(encoding="utf-8"))
        estimator = skops.io.load(folder / "model.skops", trusted=TRUSTED_TYPES)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"{registration} cannot be loaded: {reason}") from error
    frame = pd.DataFrame(example["data"], columns=example["columns"])
    model = Model.from_description(description, estimator, frame)
    return model.registered_as(registration)
