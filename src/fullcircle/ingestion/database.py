"""Tables of databases, by their address."""

from collections.abc import Iterator
from itertools import chain

from fullcircle.core.errors import ConfigurationError, StorageError, name_missing
from fullcircle.ingestion.source import Source, of_texts
from fullcircle.ingestion.written import as_written

_FETCHED_ROWS = 10_000
# What SQLAlchemy imports for an address that names no driver.
_DRIVERS = {
    "mssql": "pyodbc",
    "mysql": "mysqlclient",
    "oracle": "oracledb",
    "postgresql": "'psycopg[binary]'",
}


def _name_database(address: str) -> str:
    """Name a database without user, password and options, where a password may stand as well."""
    plain = address.partition("?")[0]
    return plain.rpartition("@")[2] if "@" in plain else plain


def open_database(address: str, table: str | None) -> Source:
    """Open a table of a database.

    Args:
        address: As SQLAlchemy takes it: ``postgresql://user@host/database``.
        table: The table, or ``schema.table``.

    Raises:
        ConfigurationError: No table is named, there is none of the name, or a driver is missing.
        StorageError: The database cannot be reached.
    """
    import sqlalchemy as sa

    shown = _name_database(address)
    try:
        engine = sa.create_engine(address, poolclass=sa.NullPool)  # none is held open
        schema, _, plain = (table or "").rpartition(".")
        names = sa.inspect(engine).get_table_names(schema=schema or None)
        names += sa.inspect(engine).get_view_names(schema=schema or None)
    except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        driver = _DRIVERS.get(address.partition(":")[0], "the package of your database's driver")
        raise ConfigurationError(f"No driver for {shown}: {error}. pip install {driver}") from error
    except (sa.exc.SQLAlchemyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise StorageError(f"The database {shown} cannot be opened: {reason}.") from error
    if table is None or plain not in names:
        wrong = f"no table {name_missing([plain], names)}" if table else "several tables"
        listed = ", ".join(names) or "none"
        raise ConfigurationError(f"{shown} has {wrong}. Say --table; there are: {listed}.")
    query = sa.select(sa.text("*")).select_from(sa.table(plain, schema=schema or None))
    with engine.connect() as connection:
        header = list(connection.execute(query.limit(0)).keys())

    def rows() -> Iterator[list[str | None]]:
        with engine.connect().execution_options(stream_results=True) as connection:
            pieces = connection.execute(query).partitions(_FETCHED_ROWS)
            for row in chain.from_iterable(pieces):
                yield [as_written(value) for value in row]

    return of_texts(f"database table {table}", header, rows, [])
