"""Settings that do not fit each other are refused before any node runs."""

from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline


class SettingsHook:
    """Refuses settings that is not valid, and declares the types that the project trusts."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Trust in this process the types that the project's configuration names.

        Raises:
            ConfigurationError: What it names are no types.
        """
        from fullcircle.tracking.registry.declared_types import SETTING, declare_types

        declare_types(context.config_loader["globals"].get(SETTING) or [])

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Hold what the pipelines take of settings against the contract.

        Raises:
            ConfigurationError: Names the setting, what is wrong and what fits.
        """
        taken = {name.removeprefix("params:") for name in pipeline.inputs()}
        if "problem" not in taken:
            return
        problem = catalog.load("params:problem")
        wanted = taken & {"training", *_METRICS_OF}
        settings = {name: catalog.load(f"params:{name}") for name in sorted(wanted)}
        if training := settings.pop("training", None):
            training.families(problem.task, ordered=problem.split.by == "time")
        for name, declared in settings.items():
            field = _METRICS_OF[name]
            _refuse_misfits(f"{name}.{field}", getattr(declared, field), problem.task)


# Settings that name metrics, and by which field.
_METRICS_OF = {"gate": "minimum", "performance": "metrics", "retraining": "score_limit"}


def _refuse_misfits(setting: str, named: Any, task: str) -> None:
    """Refuse a metric that does not fit the task; a bare number names none."""
    from fullcircle.core.errors import ConfigurationError
    from fullcircle.core.metrics import METRICS, describe_metrics, list_metrics

    names = named if isinstance(named, dict | list) else []
    if misfits := [name for name in names if task not in METRICS[name].tasks]:
        raise ConfigurationError(
            f"{setting} names {', '.join(misfits)}, which no {task} task has. It has: "
            f"{describe_metrics(list_metrics(task))}."
        )
