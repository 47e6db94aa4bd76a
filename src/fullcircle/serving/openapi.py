"""The endpoint's own description (OpenAPI 3.1), with the model's real columns and an example."""

from typing import Any

import pandas as pd
import pyarrow as pa

from fullcircle.serving.active_models import LoadedModel
from fullcircle.serving.schemas import Contract, InputSchema

_SCHEMAS = "#/components/schemas/"
_NUMBER = {"type": ["number", "string", "null"]}
_TEXT = {"type": ["string", "null"]}
_RAW_TYPES = {
    "number": ("number", "string", "null"),
    "text": ("string", "null"),
    "code": ("integer", "string", "null"),
    "moment": ("string", "number", "null"),
}


def describe_api(
    loaded: LoadedModel | None, contract: Contract, server: str = "/"
) -> dict[str, Any]:
    """Describe what the endpoint takes and gives now.

    Args:
        loaded: The champion; None before there is one.
        contract: What is known of the problem.
        server: What all paths begin with.
    """
    from fullcircle import __version__

    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"Full Circle: {contract.name}",
            "version": __version__,
            "description": "Predictions by the registry's models, in MLflow's protocol.",
        },
        "servers": [{"url": server}],
        "security": [{"token": []}, {}],
        "paths": {
            "/invocations": {"post": _describe_invocations(loaded, contract)},
            **{path: {"get": _describe_get(text)} for path, text in _READ.items()},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _describe_schemas(loaded, contract),
        },
    }


_READ = {
    "/ping": "Is it alive?",
    "/health": "Is it alive, and does its log work?",
    "/ready": "Can it predict?",
    "/version": "Who answers?",
}


def _describe_get(text: str) -> dict[str, Any]:
    answer = {"description": "Yes, and how."}
    refusals = {"401": _refusal("No valid token."), "429": _refusal("Too many requests.")}
    missing = {"503": {"description": "Not yet."}, "403": _refusal("Not for you.")}
    return {"summary": text, "responses": {"200": answer, **refusals, **missing}}


def _describe_invocations(loaded: LoadedModel | None, contract: Contract) -> dict[str, Any]:
    record = "#/components/schemas/Record"
    body: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Request"}}
    if loaded is not None:
        body["example"] = {"dataframe_records": build_example(loaded)[:1]}
    refusals = {
        "400": "The request is not valid; the error says what to fix.",
        "401": "No valid token.",
        "403": "The token may not do that.",
        "408": "The body came too slowly.",
        "413": "The body is too large.",
        "429": "Too many requests.",
        "503": "No model yet, or too busy.",
    }
    return {
        "summary": f"Predict {contract.name}.",
        "description": f"A row is one {record.rpartition('/')[2]}: all features, or keys and what "
        "is known now; what is missing then is looked up in the online store.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": body,
                "text/csv": {"schema": {"type": "string"}},
            },
        },
        "responses": {
            "200": {
                "description": "One prediction per row.",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}
                },
            },
            **{status: _refusal(text) for status, text in refusals.items()},
        },
    }


def _refusal(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _describe_schemas(loaded: LoadedModel | None, contract: Contract) -> dict[str, Any]:
    record: dict[str, Any] = {"type": "object"}
    if loaded is not None:
        record = _describe_record(loaded.form, contract)
    listed = {"type": "array", "minItems": 1}
    records = {**listed, "items": {"$ref": "#/components/schemas/Record"}}
    split = {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}},
            "data": {**listed, "items": {"type": "array"}},
        },
    }
    params = {"type": "object", "properties": {"explain": {"type": "boolean"}}}
    forms = {
        "dataframe_records": records,
        "dataframe_split": split,
        "instances": records,
        "inputs": {"type": "object", "additionalProperties": listed},
    }
    return {
        "Record": record,
        "Request": {
            "type": "object",
            "properties": {**forms, "params": params},
            "oneOf": [{"required": [name]} for name in forms],
        },
        "Answer": {
            "type": "object",
            "required": ["predictions", "roles", "model_versions", "model", "request_id"],
            "properties": {
                "predictions": {"type": "array"},
                "decisions": {"type": "array"},
                "intervals": {"type": "array"},
                "roles": {"type": "array", "items": {"enum": ["champion", "challenger"]}},
                "model_versions": {"type": "array", "items": {"type": "string"}},
                "model": {"type": "string"},
                "request_id": {"type": "string"},
                "explanations": {"type": "array", "items": {"type": "object"}},
                "unreadable_cells": {
                    "type": "array",
                    "items": {"$ref": _SCHEMAS + "UnreadableCell"},
                },
                "feature_gaps": {"type": "array", "items": {"$ref": _SCHEMAS + "FeatureGap"}},
            },
        },
        "UnreadableCell": {
            "type": "object",
            "description": "A value that cannot be read, and counts as missing.",
            "properties": {
                "row": {"type": "integer"},
                "column": {"type": "string"},
                "value": {"type": ["string", "null"]},
            },
        },
        "FeatureGap": {
            "type": "object",
            "description": "A feature table, and the rows that it knows nothing (new enough) of.",
            "properties": {
                "table": {"type": "string"},
                "missing_rows": {"type": "array", "items": {"type": "integer"}},
                "stale_rows": {"type": "array", "items": {"type": "integer"}},
            },
        },
        "Refusal": {
            "type": "object",
            "required": ["error", "request_id"],
            "properties": {"error": {"type": "string"}, "request_id": {"type": "string"}},
        },
    }


def _describe_record(form: InputSchema, contract: Contract) -> dict[str, Any]:
    columns = {
        name: {**(_NUMBER if kind == pa.float64() else _TEXT), **_describe_raw(form, name)}
        for name, kind in form.features.items()
    }
    more = {contract.row_id: "For the log: labels that come later find it by this."}
    if contract.event_time is not None:
        told = _describe_raw(form, contract.event_time).get("description", "")
        more[contract.event_time] = f"The row's moment; by default, now. {told}".strip()
    keys = dict.fromkeys(key for lookup in form.lookups for key in lookup.key_mapping)
    extra = {
        **{key: {"description": "A key by which features are looked up."} for key in keys},
        **{name: {"description": text} for name, text in more.items()},
    }
    return {"type": "object", "required": form.known, "properties": {**extra, **columns}}


def _describe_raw(form: InputSchema, name: str) -> dict[str, Any]:
    """Return how raw values of a column may be written, with an example, where that is declared."""
    parser = form.parsers.get(name)
    if parser is None:
        return {}
    schema = parser.schema
    told = schema.describe()
    if schema.source and schema.source in form.aliases:
        told = f"{told} May also come as {schema.source!r}, its name in the source."
    types: dict[str, Any] = {"type": list(_RAW_TYPES[schema.kind])}
    if schema.booleans:
        types["type"].append("boolean")
    examples = {} if name in form.private else {"examples": [schema.example()]}
    return {**types, **examples, "description": told}


def build_example(loaded: LoadedModel) -> list[dict[str, Any]]:
    """Return rows that can be sent as they are: the model's own, private columns left blank."""
    rows = loaded.model.example[loaded.model.features].to_dict("records")
    return [{str(name): _write(loaded.form, str(name), v) for name, v in r.items()} for r in rows]


def _write(form: InputSchema, name: str, value: Any) -> Any:
    """Return a value of the model's example as a client would send it."""
    if name in form.private or pd.isna(value):
        return None
    plain = getattr(value, "item", lambda: value)()
    return form.parsers[name].schema.write(plain) if name in form.parsers else plain
