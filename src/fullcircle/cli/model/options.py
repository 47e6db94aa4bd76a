"""Which project, environment and model a command means."""

import functools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import click

from fullcircle.cli.project import open_project, switched

_NAMED = re.compile(r"([\w.-]+)[@/](.+)")


@dataclass
class ProjectLocation:
    """Where a command looks.

    Attributes:
        problem: Instead of the one that PROBLEM names.
        source: Instead of the one that DATA_SOURCE names.
        env: Instead of the one that KEDRO_ENV names.
        parameters: Instead of those that the configuration declares.
    """

    problem: str | None = None
    source: str | None = None
    env: str | None = None
    parameters: dict[str, Any] | None = None

    @cached_property
    def context(self) -> Any:
        """The project's context, its tracking set up."""
        return open_project(
            env=self.env,
            problem=self.problem,
            data_source=self.source,
            parameters=self.parameters,
        )

    @cached_property
    def registry(self) -> Any:
        """The registry of the problem's model."""
        from fullcircle.tracking.registry.operations import Registry

        # Read from the configuration: making every dataset takes longer than asking the registry.
        return Registry(str(self.context.config_loader["catalog"]["champion"]["model_name"]))

    @cached_property
    def catalog(self) -> Any:
        """The project's datasets; Kedro makes them anew each time that its context is asked."""
        return self.context.catalog

    @property
    def primary_metric(self) -> str:
        """The metric that the problem optimises."""
        return str(self.context.config_loader["parameters"]["problem"]["primary_metric"])

    def find(self, address: str) -> Any:
        """Find a version by alias, number or address; ``telco@champion`` names the problem too."""
        from fullcircle.tracking.registry.lookup import find_named

        return find_named(self._without_problem(address), self.registry.model)

    def _without_problem(self, address: str) -> str:
        """Take a problem's name, or the beginning of one, off an address, and open that problem."""
        from fullcircle.config_resolvers import list_problems

        named = None if address.startswith("models:") else _NAMED.fullmatch(address)
        meant = [name for name in list_problems() if named and name.startswith(named[1])]
        if named is None or len(meant) != 1:
            return address
        if self.problem not in (None, meant[0]):
            raise click.UsageError(f"{address} names another problem than --problem.")
        if "context" not in self.__dict__:
            self.problem = meant[0]
        return named[2]

    def load(self, dataset: str) -> Any:
        """Load a dataset of the catalog."""
        return self.catalog.load(dataset)

    @contextmanager
    def session(self, **parameters: Any) -> Iterator[Any]:
        """Open a session that can run pipelines here."""
        from kedro.framework.session import KedroSession

        with (
            switched(PROBLEM=self.problem, DATA_SOURCE=self.source),
            KedroSession.create(env=self.env, runtime_params=parameters) as session,
        ):
            yield session


_OPTIONS = (
    click.option("--problem", help="Instead of the one that PROBLEM names."),
    click.option(
        "--source",
        type=click.Choice(["simulated", "real"]),
        help="Instead of the one that DATA_SOURCE names.",
    ),
    click.option("--env", "-e", help="Environment: base, staging, production."),
)

_PROBLEMS = click.option(
    "--problem", multiple=True, help="Instead of the one that PROBLEM names; several, one each."
)


def places_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of ``location_options`` for several problems, as ``places``."""

    @functools.wraps(command)
    def called(
        *args: Any, problem: tuple[str, ...], source: str | None, env: str | None, **others: Any
    ) -> Any:
        if len(set(problem)) < len(problem):
            raise click.UsageError("Give each --problem once.")
        places = [ProjectLocation(name, source, env) for name in problem or (None,)]
        return command(*args, places=places, **others)

    for option in reversed((_PROBLEMS, *_OPTIONS[1:])):
        called = option(called)
    return called


def location_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say where it looks, as one ``place``."""

    @functools.wraps(command)
    def called(
        *args: Any, problem: str | None, source: str | None, env: str | None, **others: Any
    ) -> Any:
        return command(*args, place=ProjectLocation(problem, source, env), **others)

    for option in reversed(_OPTIONS):
        called = option(called)
    return called
