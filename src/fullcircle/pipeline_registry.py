"""The project's pipelines: the six, and all of them together."""

import pkgutil
import re

from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline

from fullcircle import pipelines as packages
from fullcircle.core.errors import ConfigurationError, name_missing


def register_pipelines() -> dict[str, Pipeline]:
    """Name each pipeline; ``__default__`` runs all pipelines.

    Raises:
        ConfigurationError: A pipeline was asked for that does not exist.
    """
    try:
        pipelines = find_pipelines(raise_errors=True)
    except ImportError as error:
        _explain_unknown_pipeline(error)
        raise
    pipelines["__default__"] = sum(pipelines.values(), start=Pipeline([]))
    return pipelines


def _explain_unknown_pipeline(error: ImportError) -> None:
    """Raise a clearer error where the import failed because there is no such package."""
    known = sorted(module.name for module in pkgutil.iter_modules(packages.__path__))
    asked = re.search(rf"'{re.escape(packages.__name__)}\.(\w+)'", str(error))
    if asked and asked[1] not in known:
        unknown = name_missing([asked[1]], known)
        raise ConfigurationError(
            f"There is no pipeline {unknown}; there are: {', '.join(known)}."
        ) from error
