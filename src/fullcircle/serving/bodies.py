"""Bodies of requests in MLflow's protocol, read as named columns of plain values.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/#inference-server-specification

Each form is read in one pass over its bytes, and columns that no model knows are left out on the
way: neither time nor memory grows faster than the body. What a value means is read later.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from fullcircle.core.errors import DataError, name_missing

FORMS = ("dataframe_records", "dataframe_split", "instances", "inputs")
OPTIONS = {"explain": "adds what moved each prediction"}
CSV, JSON = "text/csv", "application/json"
_REMEMBERED = 50  # names of columns that are left out, for "did you mean"
_LONGEST_NAME = 80
_MOST_OPTIONS = 20
_MORE_CONTAINERS = 1_000
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)  # to the end, where it has none


@dataclass(frozen=True)
class BodyLimits:
    """What a body may hold.

    Attributes:
        max_rows: Rows.
        max_columns: Different columns, whether a model knows them or not.
        max_cells: Rows by columns that a model knows.
    """

    max_rows: int = 10_000
    max_columns: int = 5_000
    max_cells: int = 1_000_000


@dataclass
class Body:
    """What a request asks for.

    Attributes:
        columns: Values by column that some model knows, one per row.
        rows: Number of rows.
        explain: Whether to say what moved each prediction.
        others: Names of some columns that no model knows.
    """

    columns: dict[str, list[Any]]
    rows: int
    explain: bool = False
    others: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class BodyReader:
    """Reads bodies.

    Attributes:
        features: Of the model, in order: names for rows that come without.
        known: Columns that are kept: features, keys, row id and time of every model.
        limits: What a body may hold.
        aliases: Names in the source of columns that models call otherwise.
    """

    features: Sequence[str]
    known: frozenset[str]
    limits: BodyLimits = BodyLimits()
    aliases: Mapping[str, str] = field(default_factory=dict)

    def read(self, content: bytes, kind: str) -> Body:
        """Read a body.

        Args:
            content: The bytes.
            kind: Content type, without parameters.

        Raises:
            DataError: Says what is wrong and what to send instead.
        """
        if kind == CSV:
            return self._read_csv(content)
        if kind != JSON:
            raise DataError(f"The content type {kind[:80]!r} is neither {JSON} nor {CSV}.")
        self._limit_containers(content)
        try:
            given = orjson.loads(content)
        except orjson.JSONDecodeError as error:
            raise DataError(f"The body is no JSON: {error}.") from error
        if not isinstance(given, dict):
            raise DataError(
                f"The body is a JSON {_kind(given)}. Send an object with one of: {FORMS}."
            )
        present = [form for form in FORMS if form in given]
        if len(present) != 1:
            held = " and ".join(present) or "none of them"
            raise DataError(f"The body must hold exactly one of {FORMS}; it holds {held}.")
        [form] = present
        readers: Mapping[str, Callable[[Any], Body]] = {
            "dataframe_records": self._read_records,
            "dataframe_split": self._read_split,
            "instances": self._read_instances,
            "inputs": self._read_inputs,
        }
        body = readers[form](given[form])
        body.explain = _read_params(given.get("params"))
        return body

    # Forms

    def _read_records(self, given: Any, name: str = "dataframe_records") -> Body:
        if not isinstance(given, list):
            raise DataError(f"{name!r} is a {_kind(given)}. Send a list of objects.")
        self._limit_rows(len(given))
        names: dict[str, None] = {}
        for place, record in enumerate(given):
            if not isinstance(record, dict):
                raise DataError(f"{name}[{place}] is a {_kind(record)}. Send an object by column.")
            if not record.keys() <= names.keys():
                names.update(dict.fromkeys(record))
                self._limit_columns(len(names))
        kept = self._keep(names, len(given))
        columns = {key: [record.get(key) for record in given] for key in kept}
        return self._finish(columns, len(given), names)

    def _read_split(self, given: Any) -> Body:
        if not isinstance(given, dict) or not {"columns", "data"} <= set(given):
            raise DataError("'dataframe_split' must be an object with 'columns' and 'data'.")
        names, data = given["columns"], given["data"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError("'dataframe_split.columns' must be a list of names.")
        return self._read_rows(data, names, "dataframe_split.data", "'dataframe_split.columns'")

    def _read_rows(self, data: Any, names: Sequence[str], where: str, header: str) -> Body:
        self._limit_columns(len(names))
        _refuse_repeated(names, header)
        if not isinstance(data, list):
            raise DataError(f"{where!r} is a {_kind(data)}. Send a list of rows.")
        self._limit_rows(len(data))
        for place, row in enumerate(data):
            if not isinstance(row, list) or len(row) != len(names):
                size = f"{len(row)} values" if isinstance(row, list) else f"a {_kind(row)}"
                raise DataError(f"{where}[{place}] is {size}; {len(names)} values are needed.")
        kept = self._keep(names, len(data))
        places = {name: place for place, name in enumerate(names)}
        columns = {name: [row[places[name]] for row in data] for name in kept}
        return self._finish(columns, len(data), names)

    def _read_instances(self, given: Any) -> Body:
        if isinstance(given, list) and given and isinstance(given[0], list):
            return self._read_rows(given, self.features, "instances", "The model")
        return self._read_records(given, "instances")

    def _read_inputs(self, given: Any) -> Body:
        if isinstance(given, list):
            return self._read_instances(given)
        if not isinstance(given, dict):
            raise DataError(f"'inputs' is a {_kind(given)}. Send an object of lists by column.")
        self._limit_columns(len(given))
        sizes = {len(values) if isinstance(values, list) else 1 for values in given.values()}
        if len(sizes) > 1:
            raise DataError("The lists of 'inputs' have different lengths. Send one value per row.")
        rows = sizes.pop() if sizes else 0
        self._limit_rows(rows)
        kept = self._keep(given, rows)
        columns = {
            name: given[name] if isinstance(given[name], list) else [given[name]] for name in kept
        }
        return self._finish(columns, rows, given)

    def _read_csv(self, content: bytes) -> Body:
        try:
            text = content.decode("utf-8-sig")
            lines = (
                line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line
            )
            names = next(lines, None)
            if names is None:
                raise DataError("The CSV is empty. Send a header and at least one row.")
            self._limit_columns(len(names))
            _refuse_repeated(names, "The CSV")
            kept = self._keep(names, 1)
            places = {name: place for place, name in enumerate(names)}
            columns: dict[str, list[Any]] = {name: [] for name in kept}
            chosen = [(columns[name].append, places[name]) for name in kept]
            rows = 0
            for row in lines:
                if len(row) != len(names):
                    raise DataError(
                        f"the CSV's rows[{rows}] is {len(row)} values; {len(names)} values are "
                        "needed."
                    )
                rows += 1
                self._limit_rows(rows)
                for append, place in chosen:
                    append(row[place] or None)
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"The body is no CSV in UTF-8: {error}.") from error
        self._limit_rows(rows)
        self._keep(names, rows)
        return self._finish(columns, rows, names)

    # Limits

    def _limit_containers(self, content: bytes) -> None:
        """Refuse more lists and objects than any form needs, before they are made.

        Each costs fifty times the bytes that spell it, and the garbage collector walks over them.
        """
        most = self.limits.max_rows + self.limits.max_columns + _MORE_CONTAINERS
        if content.count(b"[") + content.count(b"{") <= most:
            return
        bare = _STRING.sub(b"", content)
        if bare.count(b"[") + bare.count(b"{") > most:
            raise DataError(
                f"The request holds more than {most} lists and objects; at most "
                f"{self.limits.max_rows} rows are taken, and no value is a list."
            )

    def _limit_rows(self, rows: int) -> None:
        if not rows:
            raise DataError("The request holds no row. Send at least one.")
        if rows > self.limits.max_rows:
            raise DataError(
                f"The request holds {rows} rows; at most {self.limits.max_rows} are taken."
            )

    def _limit_columns(self, columns: int) -> None:
        if columns > self.limits.max_columns:
            raise DataError(
                f"The request holds {columns} columns or more; at most {self.limits.max_columns} "
                "are taken."
            )

    def _keep(self, names: Iterable[str], rows: int) -> list[str]:
        """Return the names of columns that some model knows, if they are not too many cells."""
        kept = [name for name in names if name in self.known or name in self.aliases]
        if rows * len(kept) > self.limits.max_cells:
            raise DataError(
                f"The request holds {rows} rows of {len(kept)} columns; at most "
                f"{self.limits.max_cells} values are taken. Send fewer rows."
            )
        return kept

    def _finish(self, columns: dict[str, list[Any]], rows: int, names: Iterable[str]) -> Body:
        for name in self.aliases.keys() & columns.keys():
            if (own := self.aliases[name]) in columns:
                raise DataError(f"The request holds {own!r} twice: as {name!r} too. Send one.")
            columns[own] = columns.pop(name)
        unknown = (n for n in names if n not in self.known and n not in self.aliases)
        others = [name[:_LONGEST_NAME] for name in islice(unknown, _REMEMBERED)]
        return Body(
            {name: _flatten(column) for name, column in columns.items()}, rows, False, others
        )


def _flatten(column: list[Any]) -> list[Any]:
    """Empty the lists and objects among values: none is plain, and how deep they go costs time."""
    if {list, dict}.isdisjoint(map(type, column)):
        return column
    return [type(value)() if isinstance(value, list | dict) else value for value in column]


def _refuse_repeated(names: Sequence[str], where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"{where} holds the column {name[:_LONGEST_NAME]!r} more than once.")
        seen.add(name)


def _read_params(params: Any) -> bool:
    if params is None:
        return False
    if not isinstance(params, dict):
        raise DataError(
            f"'params' is a {_kind(params)}. Send an object, such as {{\"explain\": true}}."
        )
    if len(params) > _MOST_OPTIONS:
        raise DataError(f"'params' has {len(params)} entries. Known: {', '.join(OPTIONS)}.")
    if unknown := name_missing((str(name)[:_LONGEST_NAME] for name in params), OPTIONS):
        raise DataError(f"'params' has the unknown {unknown[:200]}. Known: {', '.join(OPTIONS)}.")
    if not isinstance(params.get("explain", False), bool):
        raise DataError("'params.explain' must be true or false.")
    return bool(params.get("explain", False))


def _kind(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", list: "list"}
    return "null" if value is None else kinds.get(type(value), "object")
