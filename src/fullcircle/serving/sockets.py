"""The socket that the endpoint listens at: its own, or one that the system hands over."""

import os
import socket
from ipaddress import IPv6Address, ip_address

from fullcircle.core.errors import ConfigurationError

_FIRST_HANDED = 3  # as systemd's protocol of socket activation has it
_BACKLOG = 2048


def bind_socket(host: str, port: int) -> socket.socket:
    """Listen at an address.

    Raises:
        ConfigurationError: The address is none of this machine's, or is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"The endpoint cannot listen at {host} port {port}: {error.strerror}. "
            "Choose another with --port or --host."
        ) from error
    listener.listen(_BACKLOG)
    return listener


def inherit_socket() -> socket.socket | None:
    """Take the socket that started this process (``sd_listen_fds(3)``); None where none did.

    Raises:
        ConfigurationError: Several sockets were handed over, or one that takes no connections.
    """
    if os.environ.get("LISTEN_PID") not in (str(os.getpid()), None):
        return None
    number = os.environ.get("LISTEN_FDS", "0")
    if number == "0":
        return None
    if number != "1":
        raise ConfigurationError(
            f"{number} sockets were handed over; the endpoint answers at one. Leave one "
            "ListenStream= in its socket unit."
        )
    listener = socket.socket(fileno=_FIRST_HANDED)
    if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ConfigurationError(
            "The socket that was handed over takes no connections. Its unit needs ListenStream= "
            "with an address and port, and Accept=no."
        )
    return listener


def is_private(listener: socket.socket) -> bool:
    """Whether a listening socket is reached from this machine alone, by what it is bound to."""
    if listener.family == socket.AF_UNIX:
        return True
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    return is_loopback(str(listener.getsockname()[0]))


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own, reached by nobody else."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host == "localhost"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def describe_address(listener: socket.socket, scheme: str) -> str:
    """Return where a listening socket is reached."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
