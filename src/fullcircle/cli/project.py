"""Opening the project around the working directory, for the commands that look into it."""

from typing import Any

from fullcircle.config_resolvers import switched

__all__ = ["open_project", "switched"]


def open_project(
    *,
    env: str | None = None,
    problem: str | None = None,
    data_source: str | None = None,
    parameters: dict[str, Any] | None = None,
) -> Any:
    """Give the project's ``KedroContext``, its tracking set up.

    Args:
        env: The environment; None means the one that ``KEDRO_ENV`` names, or development.
        problem: Instead of the one that ``PROBLEM`` names.
        data_source: Instead of the one that ``DATA_SOURCE`` names.
        parameters: Instead of those that the configuration declares.

    Raises:
        ConfigurationError: A switch has a value that is not allowed.
        StorageError: The tracking server does not answer.
    """
    from kedro.framework.project import pipelines
    from kedro.framework.session import KedroSession

    # After a run in this process Kedro knows its pipelines alone, and types no other parameters.
    pipelines.set_requested(None)
    with switched(PROBLEM=problem, DATA_SOURCE=data_source):
        session = KedroSession.create(env=env, runtime_params=parameters or {})
        context: Any = session.load_context()
        # Kedro reads configuration when it is asked for: it must be while the switches hold.
        context.config_loader["globals"] = context.config_loader["globals"]
        return context
