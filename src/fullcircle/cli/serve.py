"""``kedro serve``: put the registry's models behind HTTP."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fullcircle.cli.command import Command
from fullcircle.cli.model.options import ProjectLocation, places_options

if TYPE_CHECKING:
    from fullcircle.serving.runtime_dir import RuntimeDir
    from fullcircle.serving.supervisor import Supervisor


def require_extra() -> None:
    """Refuse to begin where a library of the extra is missing.

    Raises:
        ConfigurationError: Names the libraries, and how they are installed.
    """
    from importlib.util import find_spec

    from fullcircle.core.errors import ConfigurationError

    if find_spec("fcntl") is None:
        raise ConfigurationError(
            "The endpoint runs on Linux and macOS alone. On Windows, serve from WSL or a container."
        )
    wanted = ("orjson", "prometheus_client", "uvicorn")
    if missing := [name for name in wanted if find_spec(name) is None]:
        raise ConfigurationError(
            f"The endpoint needs {', '.join(missing)}: pip install -e '.[serve]'."
        )


@click.command(
    cls=Command,
    example=(
        "kedro serve --port 8080 --workers 2",
        "kedro serve --problem telco_churn --problem diabetes",
    ),
    then="curl http://127.0.0.1:8080/ready",
)
@click.option("--host", help="Address to listen at; by default this machine alone.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any that is free.")
@click.option("--workers", type=click.IntRange(1), help="Processes that share the port.")
@click.option("--idle-minutes", type=float, help="Stop after so long without a request.")
@click.option("--certificate", type=click.Path(path_type=Path), help="TLS certificate (PEM).")
@click.option("--key", type=click.Path(path_type=Path), help="The certificate's private key (PEM).")
@click.option("--set-up-only", is_flag=True, help="Write the plan for a service manager, and end.")
@places_options
def serve(
    certificate: Path | None,
    key: Path | None,
    set_up_only: bool,
    places: list[ProjectLocation],
    **changes: Any,
) -> None:
    """Answer requests by the champion, at http://127.0.0.1:8080 unless told otherwise.

    It starts without a champion too, and takes the one that comes. Ctrl-C ends it in order.
    Several problems share port and workers, each at /problems/NAME/invocations.
    """
    require_extra()
    from fullcircle.cli.stream import stopping
    from fullcircle.serving.runtime_dir import read_json
    from fullcircle.serving.sockets import bind_socket, inherit_socket
    from fullcircle.serving.supervisor import Supervisor

    if (certificate is None) != (key is None):
        raise click.UsageError("Give --certificate and --key together.")
    tls = tuple(path for path in (certificate, key) if path is not None)
    given = {name: value for name, value in changes.items() if value is not None}
    # Kedro reads `globals:` of the project that was opened last: one is finished before the next.
    folders, crowned = zip(*(_set_up(place, given, tls) for place in places), strict=True)
    if set_up_only:
        paths = " ".join(str(folder.path) for folder in folders)
        click.echo(f"python -m fullcircle.serving {paths}")
        return
    settings = read_json(folders[0].plan)["settings"]
    listener = inherit_socket() or bind_socket(settings["host"], settings["port"])
    supervisor = Supervisor(folders, listener)
    with stopping() as stop:
        _announce(supervisor, crowned)
        supervisor.run(stop)
    click.echo(supervisor.describe_end())


def _set_up(
    place: ProjectLocation, given: dict[str, Any], tls: Sequence[Path]
) -> tuple["RuntimeDir", bool]:
    """Write a problem's plan; return its folder, and whether the problem has a champion."""
    from fullcircle.serving.setup import find_folder, set_up
    from fullcircle.serving.status import refuse_second
    from fullcircle.tracking.registry.lookup import find_by_alias

    refuse_second(find_folder(place.context))
    folder = set_up(place.context, given, tls)
    return folder, find_by_alias(place.registry.model, "champion") is not None


def _announce(supervisor: "Supervisor", crowned: Sequence[bool]) -> None:
    """Say where each problem is answered, and which has no champion yet."""
    for problem, has_champion in zip(supervisor.problems, crowned, strict=True):
        name = f" of {problem.problem}" if problem.beside else ""
        if not has_champion:
            click.echo(
                f"There is no champion{name} yet; kedro run makes one, and it is taken as it comes."
            )
        if problem.beside:
            click.echo(f"{problem.problem}: {problem.address}/invocations")
    click.echo(
        f"Serving at {supervisor.address}; Ctrl-C ends it. Try: curl {supervisor.address}/ready"
    )
