"""The socket that the endpoint listens at: its own, or one that the system hands over."""

import os
import socket

from fullcircle.core.errors import ConfigurationError

_FIRST_HANDED = 3  # as systemd's protocol of socket activation has it
_BACKLOG = 2048


def open_door(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Raises:
        ConfigurationError: The address is none of this machine's, or is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise ConfigurationError(
            f"The endpoint cannot listen at {host} port {port}: {error.strerror}. "
            "Choose another with --port or --host."
        ) from error
    door.listen(_BACKLOG)
    return door


def take_door() -> socket.socket | None:
    """Take the socket that started this process (``sd_listen_fds(3)``); None where none did."""
    if os.environ.get("LISTEN_PID") not in (str(os.getpid()), None):
        return None
    if os.environ.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=_FIRST_HANDED)
