"""Start an endpoint that was set up before, without Kedro: ``python -m fullcircle.serving FOLDER``.

It is what a service manager runs, at each request after a rest if it hands over the socket.
"""

import logging
import signal
import sys
from pathlib import Path
from threading import Event

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.doors import open_door, take_door
from fullcircle.serving.folder import EndpointFolder
from fullcircle.serving.plan import read_plan


def main() -> int:
    """Serve until SIGTERM, or until nobody has asked for long."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    folder = EndpointFolder(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    try:
        run_endpoint(folder)
    except FullCircleError as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


def run_endpoint(folder: EndpointFolder) -> None:
    """Serve as the folder's plan says.

    Raises:
        ConfigurationError: The folder holds no plan.
    """
    plan = read_plan(folder)
    door = take_door() or open_door(plan["settings"]["host"], plan["settings"]["port"])
    from fullcircle.serving.steering import describe_end
    from fullcircle.serving.supervisor import Supervisor

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    supervisor = Supervisor(folder, door, tuple(map(Path, plan["tls"])))
    supervisor.run(stop)
    sys.stderr.write(f"{describe_end(supervisor.said)}\n")


if __name__ == "__main__":
    sys.exit(main())
