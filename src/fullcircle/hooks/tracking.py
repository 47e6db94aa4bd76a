"""One Kedro run is one MLflow run that says all that is needed to understand and repeat it."""

import logging
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro_mlflow.framework.hooks.mlflow_hook import MlflowHook
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from fullcircle.hooks.addresses import (
    address_variable_kept,
    require_own_folder,
    require_tracking,
    resolve_addresses,
)
from fullcircle.hooks.resources import ResourceSampler, read_seconds
from fullcircle.hooks.timing import RunTimer
from fullcircle.tracking.database import wait_for_locks
from fullcircle.tracking.killed_runs import describe_process, end_dead_runs
from fullcircle.tracking.uncommitted_code import PATCH_FILE, read_patch

_MAX_LENGTH = 6000
_logger = logging.getLogger(__name__)
_NOTE = "params:note"
_INTERRUPTED = re.compile(r"Query interrupted|INTERRUPT Error")


class TrackingHook(MlflowHook):
    """kedro-mlflow's hook, extended.

    It names the run for its problem, pipelines and clock; logs parameters one by one; records the
    note given with ``--params note="..."``, the code, the environment, the hardware, the versions
    of the data read, the seconds per node and curves of CPU and memory; and leaves no run open
    behind it, nor one of a process that was killed.
    """

    def __init__(self, timer: RunTimer) -> None:
        super().__init__()
        self._timer = timer
        self._catalog: DataCatalog | None = None
        self._resources = ResourceSampler()

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Settle the addresses, and find the server present, before MLflow is set up."""
        wait_for_locks()
        config = resolve_addresses(context.config_loader["mlflow"], context.project_path)
        context.config_loader["mlflow"] = config
        if not mlflow.active_run():
            address = config["server"]["mlflow_tracking_uri"]
            require_tracking(address)
            artifacts = context.config_loader["globals"].get("artifacts")
            require_own_folder(address, context.project_path, artifacts)
        with address_variable_kept():
            super().after_context_created(context)
        self._project_path = context.project_path
        settings = context.config_loader["globals"]
        self._data_source = str(settings.get("data_source", "unknown"))
        self._sample_seconds = read_seconds(settings.get("resource_seconds", 0))
        self._environment = "development" if context.env in (None, "local") else str(context.env)

    @hook_impl
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Open the run under its name and record what it starts from."""
        pipelines = "+".join(run_params["pipeline_names"] or ["all"])
        problem, as_of = catalog.load("params:problem").name, str(catalog.load("params:as_of"))
        self.mlflow_config.tracking.run.name = f"{problem} {pipelines} {as_of}"
        self._catalog = catalog
        super().before_pipeline_run(run_params, pipeline, catalog)
        if not self._is_mlflow_enabled:
            return
        given = {"problem": problem, "pipelines": pipelines, "as_of": as_of}
        given["environment"] = self._environment
        if not self._already_active_mlflow:
            given |= describe_process()
        mlflow.set_tags({**given, "data_source": self._data_source, **read_note(catalog)})
        mlflow.log_params(read_parameters(pipeline, catalog))
        self._record_surroundings()
        if not self._already_active_mlflow:
            self._end_dead_runs()
            self._resources.start(self.run_id, self._sample_seconds)

    def _end_dead_runs(self) -> None:
        experiment_id = self.mlflow_config.tracking.experiment._experiment.experiment_id
        for run_id in end_dead_runs(mlflow.MlflowClient(), experiment_id):
            _logger.warning("Run %s is KILLED now: its process was gone.", run_id)

    def _record_surroundings(self) -> None:
        """Tag the run with code, libraries and hardware; list every package in an artifact."""
        from fullcircle.tracking.provenance import (
            describe_code,
            describe_environment,
            describe_hardware,
            list_packages,
        )

        surroundings = {**describe_environment(), **describe_hardware()}
        project = Path(self._project_path)
        mlflow.set_tags({**describe_code(project), **surroundings})
        if patch := read_patch(project):
            mlflow.set_tag("git_patch", patch.tag)
            if patch.content:
                log_patch(patch.content)
        mlflow.log_dict({**surroundings, "packages": list_packages()}, "environment.json")

    @hook_impl
    def before_node_run(
        self, node: Node, catalog: DataCatalog, inputs: dict[str, Any], is_async: bool
    ) -> None:
        """Bind the thread to the run, once; the parameters are logged already, one by one."""
        del inputs
        active = mlflow.active_run()
        if active is not None and active.info.run_id == self.run_id:
            return  # opening it again asks a server four times per node
        super().before_node_run(node, catalog, {}, is_async)

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str) -> None:
        """Record which version of a dataset was read."""
        dataset: Any = self._catalog.get(dataset_name) if self._catalog is not None else None
        version = dataset.data_version() if hasattr(dataset, "data_version") else None
        if self._is_mlflow_enabled and version is not None:
            mlflow.set_tag(f"data.{dataset_name}", version)

    @hook_impl(trylast=True)
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog
    ) -> None:
        """Record the seconds and close the run, however often the thread has opened it."""
        self._resources.stop()
        if self._is_mlflow_enabled:
            mlflow.log_metrics(
                {f"seconds.{name}": value for name, value in self._timer.node_seconds.items()}
            )
        super().after_pipeline_run(run_params, pipeline, catalog)
        if not self._already_active_mlflow:
            close_runs("FINISHED")

    @hook_impl
    def on_pipeline_error(
        self,
        error: Exception,
        run_params: dict[str, Any],
        pipeline: Pipeline,
        catalog: DataCatalog,
    ) -> None:
        """Mark the run as failed or interrupted, whichever thread it was opened in."""
        del run_params, pipeline, catalog
        self._resources.stop()
        if not self._is_mlflow_enabled or self._already_active_mlflow:
            return
        status = "KILLED" if was_interrupted(error) else "FAILED"
        close_runs(status)
        if self.run_id is not None:
            mlflow.MlflowClient().set_terminated(self.run_id, status)


def log_patch(content: bytes) -> None:
    """Keep a patch among the files of the open run, byte by byte."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / Path(PATCH_FILE).name
        file.write_bytes(content)
        mlflow.log_artifact(str(file), Path(PATCH_FILE).parent.as_posix())


def read_parameters(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, str]:
    """Give the parameters that the pipelines take, one by one under dotted names."""
    from fullcircle.core.contract import flatten

    taken = {
        name.removeprefix("params:"): catalog.load(name)
        for name in sorted(pipeline.inputs())
        if name.startswith("params:")
    }
    return {name: str(value)[:_MAX_LENGTH] for name, value in flatten(taken).items()}


def read_note(catalog: DataCatalog) -> dict[str, str]:
    """Give the note on a run as its description and as a tag; nothing where there is none."""
    given = catalog.load(_NOTE) if _NOTE in catalog else None
    note = "" if given is None else str(given).strip()[:_MAX_LENGTH]
    return {MLFLOW_RUN_NOTE: note, "note": note} if note else {}


def was_interrupted(error: BaseException | None) -> bool:
    """Tell whether an error comes from Ctrl-C, which DuckDB turns into an error of its own."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt) or _INTERRUPTED.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False


def close_runs(status: str) -> None:
    """Close every MLflow run that is open in this thread."""
    while mlflow.active_run():
        mlflow.end_run(status)
