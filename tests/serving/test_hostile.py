"""Hostile requests: no body and no header brings the endpoint to fail, hang or grow."""

import gc
import os
import pickle
import threading
from typing import Any

import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from tests.serving.stage import FULL, Client, Stage, opened

from fullcircle.serving.bodies import BodyReader

RECORD = '{"dataframe_records": [%s]}'
DEEP = "[" * 900 + "]" * 900
CORPUS: dict[str, tuple[bytes, str]] = {
    "nan": (RECORD.encode() % b'{"size": NaN, "shape": "flat", "who": 1}', "no JSON"),
    "infinite": (RECORD.encode() % b'{"size": 1e999, "shape": "flat", "who": 1}', "no JSON"),
    "ten megabytes": (b'{"instances": [' + b"0," * 5 * 2**20 + b"0]}", "larger than"),
    "deep": (('{"instances": [{"size": ' + DEEP + ', "shape": "a", "who": 1}]}').encode(), "plain"),
    "deeper": (b"[" * 200_000, "lists and objects"),
    "wrong types": (RECORD.encode() % b'{"size": {}, "shape": [1], "who": true}', "size"),
    "columns missing": (RECORD.encode() % b"{}", "lacks the column"),
    "nothing": (b"", "no JSON"),
    "null": (b"null", "JSON null"),
    "pickle": (pickle.dumps({"size": 1}), "no JSON"),
    "sql": (RECORD.encode() % b'{"size": "1; DROP TABLE x --", "shape": "a", "who": 1}', "number"),
    "half a surrogate": (RECORD.encode() % b'{"size": 1, "shape": "\\ud800", "who": 1}', "no JSON"),
    "no text": (RECORD.encode() % b'{"size": 1, "shape": "\xff", "who": 1}', "no JSON"),
    "twice": (b'{"instances": [{}], "inputs": {}}', "exactly one"),
    "huge key": (RECORD.encode() % b'{"size": 1, "shape": "a", "who": 1e400}', "no JSON"),
    "long whole number": (
        RECORD.encode() % (b'{"size": 1, "shape": "a", "who": ' + b"9" * 40 + b"}"),
        "out of range",
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_hostile_bodies_are_refused_with_what_to_mend(client: Client, name: str) -> None:
    """Each hostile body is a 4xx in one line that names what is wrong; then all goes on."""
    body, said = CORPUS[name]
    answer = client.ask(
        "POST", "/invocations", content=body, headers={"content-type": "application/json"}
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert len(answer.text) < 1500
    assert client.predict(FULL)["decisions"]


def test_large_bodies_leave_the_event_loop(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large body is read on another thread, a small one at once; both are answered alike."""
    seen: list[tuple[bool, str]] = []
    honest = BodyReader.read

    def read(self: BodyReader, content: bytes, kind: str) -> Any:
        seen.append((len(content) > 100_000, threading.current_thread().name))
        return honest(self, content, kind)

    monkeypatch.setattr(BodyReader, "read", read)
    [small] = client.predict(FULL)["predictions"]
    [large] = client.predict({**FULL, "nothing": "x" * 200_000})["predictions"]
    assert small == large
    assert seen[0] == (False, threading.main_thread().name)
    assert seen[1][0]
    assert seen[1][1].startswith("parsing")


def test_bodies_that_wait_are_bounded_together(stage: Stage) -> None:
    """Of many large bodies at once, those beyond the budget get 503; then all is as before."""
    stage.crown()
    stage.fetch()
    stage.plan(max_waiting_mb=1.0)
    with opened(stage) as client:
        body = {"dataframe_records": [{**FULL, "nothing": "x" * 400_000}]}
        answers = client.ask_all([("POST", "/invocations", {"json": body})] * 8)
        codes = {answer.status_code for answer in answers}
        assert codes == {200, 503}
        assert client.endpoint._invocations._budget.held == 0
        assert client.predict(FULL)["decisions"]


@pytest.mark.parametrize(
    "odd",
    [
        {"size": -0.0},
        {"size": 1e-320},
        {"size": 2**60},
        {"size": None, "shape": None},
        {"shape": "x" * 100_000},
        {"shape": "'; DROP TABLE predictions; --"},
        {"shape": "\u202eevil\u0000\ufdfa" * 10},
        {"extra": {"nested": [1, 2, {"a": None}]}},
        {f"column {n}": n for n in range(2000)},
    ],
    ids=lambda odd: str(odd)[:20],
)
def test_odd_values_that_have_a_meaning_are_answered(client: Client, odd: dict[str, Any]) -> None:
    """Extremes, nulls, strange texts and columns that nobody asked for are predicted."""
    [predicted] = client.predict({**FULL, **odd})["predictions"]
    assert 0 <= predicted[1] <= 1


def test_memory_stays_flat_under_hostile_load(client: Client) -> None:
    """Two thousand hostile requests leave the process about as large as two hundred did."""
    bodies = [body for body, _ in CORPUS.values() if len(body) < 10_000]
    process = psutil.Process(os.getpid())

    def attack(rounds: int) -> float:
        for _ in range(rounds):
            headers = {"content-type": "application/json"}
            client.ask_all(
                [("POST", "/invocations", {"content": b, "headers": headers}) for b in bodies]
            )
        gc.collect()
        return process.memory_info().rss / 2**20

    before = attack(20)
    assert attack(130) - before < 30


@pytest.fixture(scope="module")
def described(client: Client, house: Stage) -> Any:
    """The endpoint with a bridge for schemathesis, and its own description."""
    return schemathesis.openapi.from_dict(client.ask("GET", "/openapi.json").json())


def test_description_holds_against_whatever_it_allows(described: Any, client: Client) -> None:
    """Requests drawn from the OpenAPI document, and beside it: no 5xx, and answers as described."""
    for operation in described.get_all_operations():
        _try_operation(operation.ok(), client)


def _try_operation(operation: Any, client: Client) -> None:
    from hypothesis import given

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    @given(case=operation.as_strategy())
    def try_case(case: Any) -> None:
        how = case.as_transport_kwargs(base_url="http://localhost")
        body = {
            key: how[key]
            for key in ("json", "data", "headers", "params")
            if how.get(key) is not None
        }
        if isinstance(body.get("data"), str | bytes):
            body["content"] = body.pop("data")
        answer = client.ask(operation.method.upper(), operation.path, **body)
        assert answer.status_code < 500
        if answer.status_code == 200 and operation.path == "/invocations":
            assert len(answer.json()["predictions"]) == len(answer.json()["roles"])

    try_case()
