"""A tracking database that is busy or full is never called damaged: the registry lies in it."""

import sqlite3
from pathlib import Path

import pytest

from fullcircle.error_messages import explain_error


def test_locked_database_is_not_called_damaged(tmp_path: Path) -> None:
    """While another program writes, the line says busy, and nothing is to be moved away."""
    path = tmp_path / "mlflow.db"
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("CREATE TABLE runs (a)")
        holder.execute("BEGIN EXCLUSIVE")
        other = sqlite3.connect(path, timeout=0)
        with pytest.raises(sqlite3.OperationalError) as raised:
            other.execute("INSERT INTO runs VALUES (1)")
        other.close()
        holder.execute("ROLLBACK")
    holder.close()
    said = explain_error(raised.value)
    assert "is busy" in said
    assert "away" not in said


def test_full_database_is_not_called_damaged(tmp_path: Path) -> None:
    """Where no page can be added, the line says that the disk is full."""
    database = sqlite3.connect(tmp_path / "mlflow.db")
    database.execute("CREATE TABLE runs (a)")
    database.execute("PRAGMA max_page_count = 3")
    with pytest.raises(sqlite3.OperationalError) as raised:
        database.execute("INSERT INTO runs VALUES (zeroblob(100000))")
    database.close()
    said = explain_error(raised.value)
    assert "disk is full" in said
    assert "away" not in said


def test_damaged_database_still_says_what_to_do(tmp_path: Path) -> None:
    """A file that is no database may be moved away, after a copy."""
    (tmp_path / "mlflow.db").write_bytes(b"garbage" * 500)
    database = sqlite3.connect(tmp_path / "mlflow.db")
    with pytest.raises(sqlite3.DatabaseError) as raised:
        database.execute("SELECT 1 FROM runs")
    database.close()
    assert "keep a copy, and move it away" in explain_error(raised.value)
