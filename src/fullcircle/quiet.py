"""Hushing libraries that talk at import, log every step, or report to their makers."""

import logging
import os
import warnings

_TALKATIVE = ("alembic", "kedro_mlflow", "mlflow")


def quiet_libraries() -> None:
    """Switch telemetry off and let libraries raise their errors rather than log them too.

    kedro-mlflow, which every command loads, makes MLflow warn authors of pyfunc models, not us;
    both set their own log levels when they are imported, so they are imported here.
    """
    os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        import kedro_mlflow.framework.hooks.mlflow_hook  # noqa: F401
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
