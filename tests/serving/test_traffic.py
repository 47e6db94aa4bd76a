"""Shares of champion and challenger: sticky, of the stated size, and taken back where needed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from tests.serving.stage import FULL, KEYED, Stage, opened

from fullcircle.core.errors import ConfigurationError
from fullcircle.serving.canary import CanaryMonitor, Counts, check_canary
from fullcircle.serving.runtime_dir import RuntimeDir
from fullcircle.serving.settings import FallbackSettings
from fullcircle.serving.traffic import CHALLENGER, CHAMPION, choose_role, set_traffic

LIMITS = FallbackSettings(min_requests=50, max_error_share=0.02, max_p95_ms=200)


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_larger_share_takes_no_entity_away(key: str, one: float, other: float) -> None:
    """Who was the challenger's at a share is its at every larger one; 0 and 1 are all or nobody."""
    low, high = sorted((one, other))
    if choose_role("salt", key, low) == CHALLENGER:
        assert choose_role("salt", key, high) == CHALLENGER
    assert choose_role("salt", key, 0.0) == CHAMPION
    assert choose_role("salt", key, 1.0) == CHALLENGER


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_share_is_what_was_asked_for(share: float) -> None:
    """Of 20 000 entities, so many are dealt as the share says, up to chance."""
    dealt = sum(choose_role("s", str(n), share) == CHALLENGER for n in range(20_000))
    assert binomtest(dealt, 20_000, share).pvalue > 1e-4


def test_another_salt_deals_anew() -> None:
    """Entities of two salts are dealt independently."""
    both = [choose_role("a", str(n), 0.5) == choose_role("b", str(n), 0.5) for n in range(4000)]
    assert binomtest(sum(both), 4000, 0.5).pvalue > 1e-4


@pytest.mark.parametrize("share", [-0.1, 1.5, "much", None, float("nan"), []])
def test_a_share_that_is_none_is_refused(tmp_path: Any, share: Any) -> None:
    """Only a number from 0 to 1 is a share."""
    with pytest.raises(ConfigurationError, match="from 0 to 1"):
        set_traffic(RuntimeDir(tmp_path), share, "", "me")


def test_entities_stick_and_rows_are_answered_by_their_own(stage: Stage) -> None:
    """Each entity meets one model, alone and among others, and the log says so."""
    stage.crown()
    stage.register(candidate="xgboost")
    stage.fetch()
    set_traffic(stage.folder, 0.5, "an experiment", "me")
    rows = [{**FULL, "who": who, "size": who / 10} for who in range(40)]
    with opened(stage) as client:
        together = client.predict(*rows)
        assert set(together["roles"]) == {CHAMPION, CHALLENGER}
        for row, role, version, predicted in zip(
            rows,
            together["roles"],
            together["model_versions"],
            together["predictions"],
            strict=True,
        ):
            alone = client.predict(row)
            assert alone["roles"] == [role]
            assert alone["model_versions"] == [version]
            assert alone["predictions"] == [pytest.approx(predicted, rel=1e-9)]
        set_traffic(stage.folder, 1.0, "blue-green", "me")
        client.endpoint.state._refresh_traffic()
        assert set(client.predict(*rows)["roles"]) == {CHALLENGER}
    logged = stage.log("predictions")
    roles: dict[str, set[str]] = {}
    for row in logged[:80]:
        roles.setdefault(row["entity"], set()).add(row["role"])
    assert len(roles) == 40


def test_challenger_that_fails_costs_nobody_an_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the challenger raises, the champion answers, and the failure is the challenger's."""
    stage.crown()
    stage.register(candidate="xgboost")
    stage.fetch()
    set_traffic(stage.folder, 1.0, "", "me")
    with opened(stage) as client:
        loaded = client.endpoint.state.active_models.by_role[CHALLENGER]

        def fail(*_: Any) -> None:
            raise MemoryError

        monkeypatch.setattr(loaded.predictor, "predict_values", fail)
        answer = client.predict(FULL)
        assert answer["roles"] == [CHAMPION]
        assert client.endpoint.metrics.count_failures(CHALLENGER, "2")._value.get() >= 1
    [row] = [row for row in stage.log("predictions") if row["request_id"] == answer["request_id"]]
    assert row["role"] == "champion instead"


def test_shadow_predicts_and_never_answers(stage: Stage) -> None:
    """A shadow's predictions are in the log, as not answered; the answer is the champion's."""
    stage.crown()
    stage.register("shadow", candidate="xgboost")
    stage.fetch()
    with opened(stage) as client:
        answers = [client.predict({**KEYED, "id": f"r{n}"}) for n in range(3)]
        assert {role for answer in answers for role in answer["roles"]} == {CHAMPION}
    logged = stage.log("predictions")
    shadows = [row for row in logged if row["role"] == "shadow"]
    assert [row["answered"] for row in shadows] == [False] * 3
    assert {row["model_version"] for row in shadows} == {"2"}
    assert sorted(row["row_id"] for row in shadows) == ["r0", "r1", "r2"]
    assert len([row for row in logged if row["answered"]]) == 3


def counts(answered: int, slow: int, failures: int) -> Counts:
    """So many answers, of which some were slow, and failures beside."""
    return Counts({0.2: answered - slow, 1.0: answered, float("inf"): answered}, failures)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (counts(49, 49, 0), None),
        (counts(100, 5, 2), None),
        (counts(100, 6, 0), "came within 200 ms"),
        (counts(97, 0, 3), "3 of its last 100 requests failed"),
        (Counts(), None),
    ],
)
def test_challenger_is_judged_by_errors_and_latency(found: Counts, said: str | None) -> None:
    """It may go on below both limits or while little is known, and not above either."""
    judged = check_canary(found, LIMITS)
    assert (judged is None) if said is None else (said in str(judged))


def test_only_the_window_counts() -> None:
    """What lies before the window is forgotten, and a new version begins afresh."""
    watchman = CanaryMonitor(FallbackSettings(window_seconds=10, min_requests=50))
    assert watchman.judge("1", counts(0, 0, 0), 0.0) is None
    assert watchman.judge("1", counts(40, 0, 20), 5.0) is not None
    assert watchman.judge("1", counts(140, 0, 20), 20.0) is None
    assert watchman.judge("2", counts(140, 0, 90), 21.0) is None
