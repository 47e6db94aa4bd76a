"""Start an endpoint that was set up before, without Kedro.

``python -m fullcircle.serving FOLDER …``, a folder for each problem, is what a service manager
runs, at each request after a rest if it hands over the socket.
"""

import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.plan import read_plan
from fullcircle.serving.runtime_dir import RuntimeDir
from fullcircle.serving.sockets import bind_socket, inherit_socket


def main() -> int:
    """Serve until SIGTERM, or until nobody has asked for long."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    folders = [RuntimeDir(Path(path)) for path in sys.argv[1:] or ["."]]
    try:
        run_endpoint(folders)
    except FullCircleError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


def run_endpoint(folders: Sequence[RuntimeDir]) -> None:
    """Serve as the folders' plans say, a problem each; the first says where.

    Raises:
        ConfigurationError: A folder holds no plan.
    """
    settings = read_plan(folders[0])["settings"]
    listener = inherit_socket() or bind_socket(settings["host"], settings["port"])
    from fullcircle.serving.supervisor import Supervisor

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    supervisor = Supervisor(folders, listener)
    supervisor.run(stop)
    sys.stderr.write(f"{supervisor.describe_end()}\n")


if __name__ == "__main__":
    sys.exit(main())
