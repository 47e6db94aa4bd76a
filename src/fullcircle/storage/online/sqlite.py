"""The embedded online store: one SQLite file in WAL mode, so that reads never wait for a write.

Source: the SQLite documentation on write-ahead logging, https://sqlite.org/wal.html.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fullcircle.core.errors import StorageError
from fullcircle.storage.online.store import (
    NO_MOMENT,
    OnlineStore,
    PublishCounts,
    StoredRow,
    TableState,
    parse_state,
)

_APPLICATION_ID = 0x46756C43  # marks the file as an online store, so that no other is written to
_WAIT_SECONDS = 60.0
_PIECE_ROWS = 10_000

_SCHEMA = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {_APPLICATION_ID};
CREATE TABLE IF NOT EXISTS tables (id INTEGER PRIMARY KEY, name TEXT UNIQUE, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rows (
    id INTEGER PRIMARY KEY, table_id INTEGER NOT NULL, key TEXT NOT NULL,
    described INTEGER NOT NULL, known INTEGER NOT NULL, version INTEGER NOT NULL,
    payload TEXT NOT NULL, UNIQUE (table_id, key)
);
COMMIT;
"""
_STATE = "SELECT id, state FROM tables WHERE name = ?"
_ROW = "SELECT key, described, known, version, payload FROM rows WHERE table_id = ? AND key = ?"
_INCOMING = """
CREATE TEMP TABLE IF NOT EXISTS incoming (
    key TEXT PRIMARY KEY, described INTEGER, known INTEGER, version INTEGER, payload TEXT
) WITHOUT ROWID
"""
_COUNT = """
SELECT count(*) FILTER (WHERE there.payload = new.payload AND there.described = new.described
                        AND there.known = new.known),
       count(*) FILTER (WHERE (there.described, there.known, there.version, there.payload)
                        > (new.described, new.known, new.version, new.payload))
FROM temp.incoming AS new JOIN main.rows AS there ON there.table_id = ? AND there.key = new.key
"""
_UPSERT = """
INSERT INTO main.rows (table_id, key, described, known, version, payload)
SELECT ?, key, described, known, version, payload FROM temp.incoming WHERE true
ON CONFLICT (table_id, key) DO UPDATE SET
    described = excluded.described, known = excluded.known,
    version = excluded.version, payload = excluded.payload
WHERE (excluded.described, excluded.known, excluded.version, excluded.payload)
    > (rows.described, rows.known, rows.version, rows.payload)
"""
# The plus keeps SQLite from going by the table's index, which would visit the file in all places.
_SCAN = """
SELECT key, described, known, version, payload, id FROM rows
WHERE id > ? AND +table_id = (SELECT id FROM tables WHERE name = ?) ORDER BY id LIMIT ?
"""
_PURGE = """
DELETE FROM rows WHERE id > ? AND id <= ? AND +table_id = ? AND described > ? AND described < ?
"""


class SqliteStore(OnlineStore):
    """Keeps all tables in one file. Threads and processes may share it; each has a connection."""

    def __init__(self, path: str | Path) -> None:
        """Name the file; it is made, with its folders, when something is first published."""
        self._path = Path(path)
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def tables(self) -> list[str]:
        """Name the tables that were published."""
        with self._clear_errors():
            connection = self._connect()
            if connection is None:
                return []
            return [name for (name,) in connection.execute("SELECT name FROM tables ORDER BY 1")]

    def read(
        self, table: str, keys: Sequence[str | None]
    ) -> tuple[TableState | None, list[StoredRow | None]]:
        """Read a table's state and the rows of many keys, in one read transaction."""
        with self._clear_errors():
            connection = self._connect()
            if connection is None:
                return None, [None] * len(keys)
            with _transaction(connection, "BEGIN"):
                found = connection.execute(_STATE, (table,)).fetchone()
                if found is None:
                    return None, [None] * len(keys)
                table_id, text = found
                rows = [connection.execute(_ROW, (table_id, key)).fetchone() for key in keys]
        return parse_state(text), [StoredRow._make(row) if row else None for row in rows]

    def update_state(
        self, table: str, change: Callable[[TableState | None], TableState]
    ) -> TableState:
        """Replace a table's state by a function of it, atomically."""
        with self._writing() as connection:
            found = connection.execute(_STATE, (table,)).fetchone()
            state = change(parse_state(found[1]) if found else None)
            connection.execute(
                "INSERT INTO tables (name, state) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET state = excluded.state",
                (table, state.to_text()),
            )
        return state

    def upsert(self, table: str, rows: Sequence[StoredRow]) -> PublishCounts:
        """Keep each row that is newer than the one that is there, all in one transaction."""
        with self._writing() as connection:
            connection.execute(_INCOMING)
            connection.execute("DELETE FROM temp.incoming")
            connection.executemany("INSERT INTO temp.incoming VALUES (?, ?, ?, ?, ?)", sorted(rows))
            table_id = self._id_of(connection, table)
            unchanged, older = connection.execute(_COUNT, (table_id,)).fetchone()
            connection.execute(_UPSERT, (table_id,))
        return PublishCounts(len(rows) - unchanged - older, unchanged, older)

    def scan(self, table: str) -> Iterator[list[StoredRow]]:
        """Stream all rows of a table in the order of the file; each piece is one moment's."""
        last = 0
        while piece := self._read_after(table, last):
            yield [StoredRow._make(row[:-1]) for row in piece]
            last = piece[-1][-1]

    def _read_after(self, table: str, last: int) -> list[tuple[Any, ...]]:
        with self._clear_errors():
            connection = self._connect()
            if connection is None:
                return []
            return connection.execute(_SCAN, (last, table, _PIECE_ROWS)).fetchall()

    def purge(self, table: str, oldest: int) -> int:
        """Delete rows that describe a moment before ``oldest``, piece by piece, and count them."""
        deleted, start, last = 0, 0, 1
        while start < last:
            with self._writing() as connection:
                [last] = connection.execute("SELECT coalesce(max(id), 0) FROM rows").fetchone()
                table_id, end = self._id_of(connection, table), start + _PIECE_ROWS
                found = connection.execute(_PURGE, (start, end, table_id, NO_MOMENT, oldest))
                deleted, start = deleted + found.rowcount, end
        return deleted

    def drop(self, table: str) -> None:
        """Delete a table with all that is known of it, in one transaction."""
        with self._writing() as connection:
            connection.execute(
                "DELETE FROM rows WHERE table_id = (SELECT id FROM tables WHERE name = ?)", (table,)
            )
            connection.execute("DELETE FROM tables WHERE name = ?", (table,))

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()

    def _id_of(self, connection: sqlite3.Connection, table: str) -> int:
        found = connection.execute(_STATE, (table,)).fetchone()
        if found is None:
            raise StorageError(f"Table {table!r} was dropped from the online store meanwhile.")
        return int(found[0])

    def _connect(self, *, make: bool = False) -> sqlite3.Connection | None:
        """Give this thread's connection; None where there is no file yet and none is to be made."""
        identity, connection = getattr(self._local, "connection", (None, None))
        if connection is not None and identity == self._identify():
            return connection  # type: ignore[no-any-return]
        if not make and not self._path.exists():
            return None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._opened.append(connection)
        self._prepare(connection)
        self._local.connection = (self._identify(), connection)
        return connection

    def _identify(self) -> tuple[int, int] | None:
        """Say which process sees which file; another file may have taken the place of the first."""
        try:
            return os.getpid(), os.stat(self._path).st_ino
        except FileNotFoundError:
            return None

    def _prepare(self, connection: sqlite3.Connection) -> None:
        [owner] = connection.execute("PRAGMA application_id").fetchone()
        [objects] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != _APPLICATION_ID and objects:
            raise StorageError(
                f"{self._path} is a database of another program, not an online store; it is left "
                "as it is. Give another file."
            )
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")  # kibibytes
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA wal_autocheckpoint = 16384")  # pages of 4 KiB
        if not objects:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._clear_errors():
            connection = self._connect(make=True)
            assert connection is not None  # noqa: S101 - it was to be made
            with _transaction(connection, "BEGIN IMMEDIATE"):
                yield connection

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        """Say in one line that the file cannot be read or written.

        Raises:
            StorageError: It is no database, damaged, full, locked for long or not accessible.
        """
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"The online store {self._path} cannot be used: {error}. Check that it is a file "
                "made by a publish, its permissions and free space; if it is damaged, delete it "
                "and publish again."
            ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
