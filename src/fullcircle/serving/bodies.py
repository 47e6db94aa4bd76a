"""Bodies of requests in MLflow's protocol, read as named columns of plain values.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#inference-server-specification
"""

import csv
import io
from dataclasses import dataclass
from typing import Any

import orjson

from fullcircle.core.errors import DataError, name_missing

FORMS = ("dataframe_records", "dataframe_split", "instances", "inputs")
OPTIONS = {"explain": "adds what moved each prediction"}
_CSV, _JSON = "text/csv", "application/json"


@dataclass
class Body:
    """What a request asks for.

    Attributes:
        columns: Values by column, one per row.
        rows: Number of rows.
        explain: Whether to say what moved each prediction.
    """

    columns: dict[str, list[Any]]
    rows: int
    explain: bool = False


def read_body(content: bytes, content_type: str, features: list[str], max_rows: int) -> Body:
    """Read a body.

    Args:
        content: The bytes.
        content_type: ``application/json`` or ``text/csv``, with or without more behind it.
        features: Of the model, in order: names for rows that come without.
        max_rows: More are refused.

    Raises:
        DataError: Says what is wrong and what to send instead.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _CSV:
        return _limit(_read_csv(content), max_rows)
    if kind not in (_JSON, ""):
        raise DataError(f"The content type {kind[:80]!r} is neither {_JSON} nor {_CSV}.")
    try:
        given = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DataError(f"The body is no JSON: {error}.") from error
    if not isinstance(given, dict):
        raise DataError(f"The body is a JSON {_kind(given)}. Send an object with one of: {_FORMS}.")
    present = [form for form in FORMS if form in given]
    if len(present) != 1:
        held = " and ".join(present) or "none of them"
        raise DataError(f"The body must hold exactly one of {_FORMS}; it holds {held}.")
    [form] = present
    body = _READERS[form](given[form], features)
    body.explain = _read_params(given.get("params"))
    return _limit(body, max_rows)


_FORMS = ", ".join(FORMS)


def _limit(body: Body, max_rows: int) -> Body:
    if not body.rows:
        raise DataError("The request holds no row. Send at least one.")
    if body.rows > max_rows:
        raise DataError(f"The request holds {body.rows} rows; at most {max_rows} are taken.")
    return body


def _read_params(params: Any) -> bool:
    if params is None:
        return False
    if not isinstance(params, dict):
        raise DataError(
            f"'params' is a {_kind(params)}. Send an object, such as {{\"explain\": true}}."
        )
    if unknown := name_missing(map(str, params), OPTIONS):
        raise DataError(f"'params' has the unknown {unknown[:200]}. Known: {', '.join(OPTIONS)}.")
    if not isinstance(params.get("explain", False), bool):
        raise DataError("'params.explain' must be true or false.")
    return bool(params.get("explain", False))


def _read_records(given: Any, _: list[str], name: str = "dataframe_records") -> Body:
    if not isinstance(given, list):
        raise DataError(f"{name!r} is a {_kind(given)}. Send a list of objects.")
    for place, record in enumerate(given):
        if not isinstance(record, dict):
            raise DataError(f"{name}[{place}] is a {_kind(record)}. Send an object by column.")
    names = dict.fromkeys(key for record in given for key in record)
    return Body({key: [record.get(key) for record in given] for key in names}, len(given))


def _read_split(given: Any, _: list[str]) -> Body:
    if not isinstance(given, dict) or not {"columns", "data"} <= set(given):
        raise DataError("'dataframe_split' must be an object with 'columns' and 'data'.")
    names, data = given["columns"], given["data"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError("'dataframe_split.columns' must be a list of names.")
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"'dataframe_split.columns' holds {repeated[0][:80]!r} more than once.")
    return _read_rows(data, names, "dataframe_split.data")


def _read_rows(data: Any, names: list[str], where: str) -> Body:
    if not isinstance(data, list):
        raise DataError(f"{where!r} is a {_kind(data)}. Send a list of rows.")
    for place, row in enumerate(data):
        if not isinstance(row, list) or len(row) != len(names):
            size = f"{len(row)} values" if isinstance(row, list) else f"a {_kind(row)}"
            raise DataError(f"{where}[{place}] is {size}; {len(names)} values are needed.")
    return Body({name: [row[place] for row in data] for place, name in enumerate(names)}, len(data))


def _read_instances(given: Any, features: list[str]) -> Body:
    if isinstance(given, list) and given and isinstance(given[0], list):
        return _read_rows(given, features, "instances")
    return _read_records(given, features, "instances")


def _read_inputs(given: Any, features: list[str]) -> Body:
    if isinstance(given, list):
        return _read_instances(given, features)
    if not isinstance(given, dict):
        raise DataError(f"'inputs' is a {_kind(given)}. Send an object of lists by column.")
    columns = {key: value if isinstance(value, list) else [value] for key, value in given.items()}
    sizes = {len(values) for values in columns.values()}
    if len(sizes) > 1:
        raise DataError("The lists of 'inputs' have different lengths. Send one value per row.")
    return Body(columns, sizes.pop() if sizes else 0)


def _read_csv(content: bytes) -> Body:
    try:
        lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"The body is no CSV in UTF-8: {error}.") from error
    lines = [line for line in lines if line]
    if not lines:
        raise DataError("The CSV is empty. Send a header and at least one row.")
    names, *data = lines
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"The CSV has the column {repeated[0][:80]!r} more than once.")
    return _read_rows([[value or None for value in row] for row in data], names, "the CSV's rows")


_READERS = {
    "dataframe_records": _read_records,
    "dataframe_split": _read_split,
    "instances": _read_instances,
    "inputs": _read_inputs,
}


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", list: "list"}
    return "null" if value is None else kinds.get(type(value), "object")
