"""Hushing libraries that talk at import, log every step, or report to their makers."""

import logging
import os
import warnings

# Kedro-Viz warns before each run of a part of the pipelines that it draws no progress of it.
_TALKATIVE = ("alembic", "kedro_mlflow", "kedro_viz.integrations.kedro.run_hooks", "mlflow")


def quiet_libraries() -> None:
    """Switch telemetry off and let libraries raise their errors rather than log them too.

    kedro-mlflow, which every command loads, makes MLflow warn authors of pyfunc models, not us;
    both set their own log levels when they are imported, so they are imported here.
    """
    os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    # Half a minute spans a server's restart; MLflow's own seven retries take four minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "4")
    warnings.filterwarnings("ignore", "The 'preview_fn' feature is experimental")
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        import kedro_mlflow.framework.hooks.mlflow_hook  # noqa: F401
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
