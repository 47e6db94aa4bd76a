"""The online store on a Redis server.

A table is two keys: a hash of its rows and the text of its state. Redis' own expiry is not used: it
knows the server's clock alone, and a store filled as of an earlier moment would be empty at once.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.storage.online.store import (
    NO_MOMENT,
    OnlineStore,
    PublishCounts,
    StoredRow,
    TableState,
    parse_state,
)

_PREFIX = "fullcircle:online"
_TABLES = f"{_PREFIX}:tables"
_SCRIPT_ROWS = 200  # a script holds the server up; so many rows take well under a millisecond
_PIECE_ROWS = 5_000
_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 30.0

# A row's text begins with three numbers of fixed width, so that their order is their text's order.
_MOMENT_DIGITS = 18
_VERSION_DIGITS = 20

# Text is compared byte by byte, since Lua's own order of texts follows the server's language.
_UPSERT = """
local function is_greater(left, right)
    for position = 1, math.min(#left, #right) do
        local one, other = left:byte(position), right:byte(position)
        if one ~= other then return one > other end
    end
    return #left > #right
end
if redis.call('EXISTS', KEYS[2]) == 0 then
    return redis.error_reply('the table was dropped meanwhile')
end
local written, unchanged, older = 0, 0, 0
for number = 1, #ARGV, 2 do
    local key, new = ARGV[number], ARGV[number + 1]
    local old = redis.call('HGET', KEYS[1], key)
    local same = old and old:sub(1, MOMENTS) == new:sub(1, MOMENTS)
        and old:sub(HEADER + 1) == new:sub(HEADER + 1)
    local newer = not old or is_greater(new, old)
    if newer then redis.call('HSET', KEYS[1], key, new) end
    if same then unchanged = unchanged + 1
    elseif newer then written = written + 1
    else older = older + 1 end
end
return {written, unchanged, older}
""".replace("MOMENTS", str(2 * _MOMENT_DIGITS)).replace(
    "HEADER", str(2 * _MOMENT_DIGITS + _VERSION_DIGITS)
)
_PURGE = """
local deleted = 0
for number = 2, #ARGV do
    local row = redis.call('HGET', KEYS[1], ARGV[number])
    if row and row:sub(1, MOMENT) < ARGV[1] then
        deleted = deleted + redis.call('HDEL', KEYS[1], ARGV[number])
    end
end
return deleted
""".replace("MOMENT", str(_MOMENT_DIGITS))


class RedisStore(OnlineStore):
    """Keeps all tables on one server; threads and processes may share the address."""

    def __init__(self, address: str) -> None:
        """Connect to the server.

        Raises:
            ConfigurationError: The redis package is not installed, or the address is not valid.
            StorageError: No server answers.
        """
        try:
            import redis
        except ImportError as error:
            raise ConfigurationError(
                "An online store on Redis needs a package that is not installed: "
                "pip install 'fullcircle[redis]'."
            ) from error
        self._redis: Any = redis
        self._place = _without_password(address)
        try:
            self._client: Any = redis.Redis.from_url(
                address,
                decode_responses=True,
                socket_connect_timeout=_CONNECT_SECONDS,
                socket_timeout=_ANSWER_SECONDS,
            )
        except ValueError as error:
            raise ConfigurationError(
                f"{self._place} is no address of a Redis server: {error}. "
                "Give it like redis://127.0.0.1:6379/0."
            ) from error
        self._upsert_script = self._client.register_script(_UPSERT)
        self._purge_script = self._client.register_script(_PURGE)
        with self._clear_errors():
            self._client.ping()

    def tables(self) -> list[str]:
        """Name the tables that were published."""
        with self._clear_errors():
            return sorted(self._client.smembers(_TABLES))

    def read(
        self, table: str, keys: Sequence[str | None]
    ) -> tuple[TableState | None, list[StoredRow | None]]:
        """Read a table's state and the rows of many keys in one atomic round trip."""
        wanted = [key for key in keys if key is not None]
        with self._clear_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.get(_state_key(table))
            if wanted:
                pipeline.hmget(_rows_key(table), wanted)
            text, *found = pipeline.execute()
        if text is None:
            return None, [None] * len(keys)
        rows = dict(zip(wanted, found[0] if found else [], strict=True))
        unpacked = {key: _unpack(key, row) for key, row in rows.items() if row is not None}
        return parse_state(text), [unpacked.get(key) if key else None for key in keys]

    def update_state(
        self, table: str, change: Callable[[TableState | None], TableState]
    ) -> TableState:
        """Replace a table's state by a function of it, again where another writer came between."""
        with self._clear_errors():
            while True:
                with self._client.pipeline() as pipeline:
                    pipeline.watch(_state_key(table))
                    text = pipeline.get(_state_key(table))
                    state = change(parse_state(text) if text else None)
                    pipeline.multi()
                    pipeline.set(_state_key(table), state.to_text())
                    pipeline.sadd(_TABLES, table)
                    try:
                        pipeline.execute()
                    except self._redis.WatchError:
                        continue
                return state

    def upsert(self, table: str, rows: Sequence[StoredRow]) -> PublishCounts:
        """Keep each row that is newer than the one that is there, in one round trip."""
        counts = PublishCounts()
        with self._clear_errors():
            pipeline = self._client.pipeline(transaction=False)
            for piece in _cut(rows, _SCRIPT_ROWS):
                words = [word for row in piece for word in (row.key, _pack(row))]
                keys_of_table = [_rows_key(table), _state_key(table)]
                self._upsert_script(keys=keys_of_table, args=words, client=pipeline)
            for answer in pipeline.execute():
                counts += PublishCounts(*answer)
        return counts

    def scan(self, table: str) -> Iterator[list[StoredRow]]:
        """Stream all rows of a table in pieces; a key may come twice while others write."""
        cursor = 0
        while True:
            with self._clear_errors():
                cursor, found = self._client.hscan(_rows_key(table), cursor, count=_PIECE_ROWS)
            if found:
                yield [_unpack(key, row) for key, row in found.items()]
            if cursor == 0:
                return

    def purge(self, table: str, oldest: int) -> int:
        """Delete rows that describe a moment before ``oldest``, and count them."""
        limit, deleted = _pack_moment(oldest), 0
        for piece in self.scan(table):
            expired = [row.key for row in piece if NO_MOMENT < row.described < oldest]
            with self._clear_errors():
                for keys in _cut(expired, _SCRIPT_ROWS):
                    deleted += self._purge_script(keys=[_rows_key(table)], args=[limit, *keys])
        return deleted

    def drop(self, table: str) -> None:
        """Delete a table with all that is known of it, atomically."""
        with self._clear_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.unlink(_rows_key(table), _state_key(table))
            pipeline.srem(_TABLES, table)
            pipeline.execute()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """Say in one line that the server cannot be used.

        Raises:
            StorageError: It does not answer, refuses, or is out of memory.
        """
        try:
            yield
        except (self._redis.RedisError, OSError) as error:
            reason = str(error).rstrip(".")
            raise StorageError(
                f"The online store {self._place} cannot be used: {reason}. Check that a Redis "
                "server answers there, the password, and its memory."
            ) from error


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _rows_key(table: str) -> str:
    return f"{_PREFIX}:{{{table}}}:rows"  # braces keep a table's keys together in a cluster


def _state_key(table: str) -> str:
    return f"{_PREFIX}:{{{table}}}:state"


def _pack_moment(microseconds: int) -> str:
    return f"{microseconds - NO_MOMENT:0{_MOMENT_DIGITS}d}"


def _pack(row: StoredRow) -> str:
    moments = _pack_moment(row.described) + _pack_moment(row.known)
    return f"{moments}{row.version:0{_VERSION_DIGITS}d}{row.payload}"


def _unpack(key: str, text: str) -> StoredRow:
    """Read a packed row.

    Raises:
        StorageError: The text is none.
    """
    middle, end = 2 * _MOMENT_DIGITS, 2 * _MOMENT_DIGITS + _VERSION_DIGITS
    try:
        described = int(text[:_MOMENT_DIGITS]) + NO_MOMENT
        known = int(text[_MOMENT_DIGITS:middle]) + NO_MOMENT
        return StoredRow(key, described, known, int(text[middle:end]), text[end:])
    except ValueError as error:
        raise StorageError(
            f"The online store holds a row that cannot be read, at {key}; drop the table there "
            "and publish it again."
        ) from error


def _cut(items: Sequence[Any], length: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + length] for start in range(0, len(items), length))
