"""The engine of this process, as the project's configuration says."""

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl

from fullcircle.hooks.tracking import was_interrupted


class EngineHook:
    """Chooses the engine when a project is opened; it starts when a table is first read."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Read which engine it is and, of Spark, how it is reached."""
        # Every command loads the hooks, and few open the project: the datasets take two seconds.
        from fullcircle.engines.engine import choose_engine

        name = str(context.config_loader["globals"]["engine"])
        if name != "spark":
            return choose_engine(name)
        options = dict(context.config_loader["spark"])
        folder = context.project_path / str(options.get("folder", ""))
        return choose_engine(name, {**options, "folder": str(folder)})

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """After Ctrl-C, leave no query behind: the session may go on, as in a notebook."""
        from fullcircle.engines.engine import get_embedded

        if was_interrupted(error):
            get_embedded().interrupt()
