"""Checks of a catalog entry against its data contract, for tables that live in the engine."""

import ibis.expr.types as ir
from kedro.utils import load_obj

from fullcircle.core.errors import DataError
from fullcircle.engines.engine import materialize


class ContractValidator:
    """A catalog ``validator`` that runs a pandera schema inside the query engine.

    Kedro's own adapter knows pandera's schemas for data frames, not those for Ibis tables.

    Example:
        ```yaml
        events:
          type: ...
          validator:
            class: fullcircle.engines.contract_validator.ContractValidator
            "on": save
            options: {schema: fullcircle.problems.telco_churn.contract.EVENTS}
        ```
    """

    def __init__(self, schema: str) -> None:
        """Declare the contract.

        Args:
            schema: Dotted path of a ``pandera.ibis.DataFrameSchema``.
        """
        self._path = schema

    def validate(self, data: ir.Table) -> ir.Table:
        """Give the table back unchanged if it keeps the contract.

        Raises:
            DataError: Names every check that failed, with its column.
        """
        from pandera.errors import SchemaErrors

        try:
            load_obj(self._path).validate(materialize(data), lazy=True)
        except SchemaErrors as errors:
            failed = "; ".join(_describe(error) for error in errors.schema_errors)
            raise DataError(f"events break their contract ({self._path}): {failed}.") from errors
        return data


def _describe(error: object) -> str:
    text = str(error).strip().splitlines()[0]
    return text if len(text) <= 200 else f"{text[:197]}..."
