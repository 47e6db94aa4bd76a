"""Rows from a file."""

from pathlib import Path

import pandas as pd

from fullcircle.core.errors import DataError

_TABLES = (".csv", ".csv.gz", ".tsv", ".parquet")


def read_rows(path: Path) -> pd.DataFrame:
    """Read a CSV, TSV or Parquet file.

    Raises:
        DataError: There is no such file, it is of another kind, or it cannot be read.
    """
    kind = next((ending for ending in _TABLES if path.name.lower().endswith(ending)), None)
    if kind is None:
        raise DataError(f"{path} is none of: {', '.join(_TABLES)}.")
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    try:
        if kind == ".parquet":
            return pd.read_parquet(path)
        return pd.read_csv(path, sep="\t" if kind == ".tsv" else ",", low_memory=False)
    except (ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DataError(f"{path} cannot be read as {kind[1:]}: {reason}.") from error
