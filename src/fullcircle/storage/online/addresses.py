"""Which kind of online store lies at an address."""

from fullcircle.core.errors import ConfigurationError
from fullcircle.storage.online.store import OnlineStore


def open_store(address: str) -> OnlineStore:
    """Open the online store at an address.

    Args:
        address: A file (``data/online.db``, ``sqlite:///data/online.db``; four slashes begin an
            absolute path), which is made when first written to, or a server
            (``redis://host:6379/0``, ``rediss://…``, ``unix:///socket``).

    Raises:
        ConfigurationError: The address is of another kind, or Redis' package is not installed.
        StorageError: No server answers.
    """
    scheme, separator, rest = address.partition("://")
    if separator and scheme in ("redis", "rediss", "unix"):
        from fullcircle.storage.online.redis import RedisStore

        return RedisStore(address)
    path = rest.removeprefix("/") if separator else address
    if not path or (separator and scheme != "sqlite"):
        raise ConfigurationError(
            f"The online store's address {address!r} is neither a file (a path, or "
            "sqlite:///path) nor a server (redis://, rediss:// or unix://)."
        )
    from fullcircle.storage.online.sqlite import SqliteStore

    return SqliteStore(path)
