"""Acts that die at any write: the next act finishes them or takes them back."""

import platform
from collections.abc import Callable
from typing import Any

import pytest
from mlflow import MlflowClient
from tests.tracking.registry.test_acts import NAME, crown, registry

from fullcircle.tracking.registry.lookup import list_aliases
from fullcircle.tracking.registry.operations import Registry

__all__ = ["registry"]  # the fixture

WRITES = (
    "create_run",
    "set_registered_model_alias",
    "delete_registered_model_alias",
    "set_model_version_tag",
    "delete_model_version_tag",
    "set_registered_model_tag",
    "delete_registered_model_tag",
    "update_model_version",
    "set_terminated",
)


class Died(BaseException):
    """The process was killed."""


class Mortal:
    """A client that dies after so many writes, and writes nothing ever after."""

    def __init__(self, client: Any, lives: list[int]) -> None:
        self._client = client
        self._lives = lives

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return self._mortal(found) if name in WRITES else found

    def _mortal(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            self._lives[0] -= 1
            if self._lives[0] < 0:
                raise Died
            return write(*given, **named)

        return called


def kill_at(act: Callable[[Registry], Any], writes: int) -> bool:
    """Let an act die when it wants to write once more than so often; tell whether it did."""
    mortal, lives = Registry(NAME), [writes]
    for part in (mortal, mortal._store, mortal.journal):
        part._client = Mortal(part._client, lives)
    try:
        act(mortal)
    except Died:
        client = MlflowClient()
        experiment = client.get_experiment_by_name(f"{NAME} log").experiment_id
        for run in client.search_runs([experiment], "attributes.status = 'RUNNING'"):
            client.set_tag(run.info.run_id, "process", f"{platform.node()}:99999999")
        return True
    return False


def read_state() -> Any:
    client = MlflowClient()
    versions = [client.get_model_version(NAME, str(number)) for number in range(1, 5)]
    tags = [(dict(version.tags), version.description or "") for version in versions]
    return list_aliases(NAME), tags, dict(client.get_registered_model(NAME).tags)


ACTS: dict[str, Callable[[Registry], Any]] = {
    "rollback": lambda r: r.rollback("bad"),
    "judge": lambda r: r.judge("4", "3", False, {}),
    "promote": lambda r: r.promote("4"),
    "alias": lambda r: r.move_alias("shadow", "1"),
    "unalias": lambda r: r.move_alias("watched", None),
    "tag": lambda r: r.tag("1", {"team": "sales", "kept": None, "region": "north"}),
    "tag the model": lambda r: r.tag(None, {"domain": "churn"}),
    "describe": lambda r: r.describe("1", "The first."),
    "retire": lambda r: r.retire("2", "old"),
    "approve": lambda r: r.approve("4", "fine"),
}


@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_died_is_done_or_undone(registry: Registry, name: str) -> None:
    """Killed before any of its writes, an act leaves all or nothing once the next one has begun."""
    crown(registry, "1", "3")
    registry.move_alias("watched", "2")
    registry.tag("1", {"kept": "yes"})
    registry.judge("4", "3", True, {})
    before, writes = read_state(), 0
    while writes < 12 and kill_at(ACTS[name], writes):
        Registry(NAME).recover()
        assert registry.verify() == []
        if read_state() != before:  # all had been written but that it was done
            last = registry.history()[-1].act
            assert last == {"unalias": "alias"}.get(name, name.split(maxsplit=1)[0])
            break
        writes += 1
    assert 2 <= writes < 12
    assert read_state() != before or name == "approve"


def test_after_a_rollback_that_died_the_way_back_is_there(registry: Registry) -> None:
    """Killed between its two aliases, a rollback can be asked for again, and returns."""
    crown(registry, "1", "3")
    assert kill_at(ACTS["rollback"], 2)
    registry.rollback("again")
    assert list_aliases(NAME) == {"champion": "1"}
    assert registry.verify() == []
