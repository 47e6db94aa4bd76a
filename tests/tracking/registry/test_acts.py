"""Acts on the registry: each is gated, logged, done alone, and undone by one command."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from fullcircle.core.audit_log.chain import Entry, newest_seals
from fullcircle.core.errors import ConfigurationError, ModelError
from fullcircle.tracking.registry import audit_log
from fullcircle.tracking.registry.lookup import list_aliases
from fullcircle.tracking.registry.operations import Registry

NAME = "catalog.schema.model"
ADA = {"how": "claimed", "host": "elsewhere", "uid": 1}


@pytest.fixture
def registry(tracked: Path) -> Registry:
    """A registry with four versions without files."""
    client = MlflowClient()
    client.create_registered_model(NAME)
    for number in range(1, 5):
        client.create_model_version(NAME, source=str(tracked), tags={"digest": f"d{number}"})
    template, made = Registry(NAME), []
    for number in range(1, 5):
        entry = Entry(
            number, f"2025-01-01T00:00:0{number}+00:00", "ada", "register", NAME, str(number),
            evidence={"digest": f"d{number}", "actor": ADA}, previous=newest_seals(made),
        )  # fmt: skip
        run = template.journal._write(entry)
        client.set_terminated(run, "FINISHED")
        made.append(entry)
    return template


def acts(registry: Registry) -> list[Entry]:
    """What was done since the four versions came."""
    return registry.history()[4:]


def champion() -> str | None:
    return list_aliases(NAME).get("champion")


def crown(registry: Registry, *versions: str) -> None:
    """Let the gate pass versions one after the other, each against the one before."""
    for version in versions:
        registry.judge(version, champion(), True, {})
        registry.promote(version)


def test_promotion_moves_champion_and_keeps_the_one_before(registry: Registry) -> None:
    """The new champion is the judged version, and the former one can be returned to."""
    crown(registry, "1", "3")
    assert list_aliases(NAME) == {"champion": "3", "previous": "1"}
    assert [entry.act for entry in acts(registry)] == ["judge", "promote"] * 2
    assert registry.verify() == []


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda r: None, "the gate has not judged it yet"),
        (lambda r: r.judge("2", "1", False, {}), "the gate refused it"),
        (lambda r: r.judge("2", None, True, {}), "compared with nobody, and"),
        (lambda r: r.judge("2", "3", True, {}), "compared with champion v3.* is now v1"),
        (
            lambda r: (r.judge("2", "1", True, {}), r.retire("2", "too old")),
            "v2 is retired: too old",
        ),
    ],
    ids=["unjudged", "refused", "judged before", "judged by another", "retired"],
)
def test_nothing_is_promoted_in_error(registry: Registry, prepare: Any, said: str) -> None:
    """Without a yes of the gate against the present champion, the champion stays."""
    crown(registry, "1")
    prepare(registry)
    with pytest.raises(ModelError, match=said):
        registry.promote("2")
    assert champion() == "1"
    assert registry.verify() == []


def test_rollback_returns_step_by_step(registry: Registry) -> None:
    """Each rollback goes one champion back, never forth, and ends with a clear refusal."""
    crown(registry, "1", "2", "3")
    registry.rollback("too many errors")
    assert list_aliases(NAME) == {"champion": "2", "previous": "1"}
    registry.rollback("still")
    assert list_aliases(NAME) == {"champion": "1"}
    with pytest.raises(ModelError, match="no previous champion"):
        registry.rollback("once more")
    crown(registry, "4")
    assert list_aliases(NAME) == {"champion": "4", "previous": "1"}
    assert registry.verify() == []


def test_what_was_rolled_back_needs_the_gate_again(registry: Registry) -> None:
    """An old yes does not bring back a version that was rolled back from."""
    crown(registry, "1", "2", "3")
    registry.rollback("bad")
    registry.rollback("bad")
    with pytest.raises(ModelError, match=r"compared with champion v2.* now v1"):
        registry.promote("3")


def test_a_rollback_is_remembered_until_a_person_allows_it(registry: Registry) -> None:
    """What was rolled back stands against every later challenger, until one act of a person."""
    crown(registry, "1", "2", "3")
    assert registry.list_rolled_back() == {}
    registry.rollback("too many errors")
    registry.rollback("complaints")
    registry.move_alias("challenger", "4")
    assert registry.list_rolled_back() == {"3": "too many errors", "2": "complaints"}
    registry.allow("2", "the complaints were about prices")
    assert registry.list_rolled_back() == {"3": "too many errors"}
    registry.allow("4", "another cause")
    assert registry.list_rolled_back() == {}
    crown(registry, "4")
    registry.rollback("bad")
    assert registry.list_rolled_back() == {"4": "bad"}
    assert [entry.why for entry in acts(registry) if entry.act == "allow"] == [
        "the complaints were about prices",
        "another cause",
    ]
    assert registry.verify() == []


def test_two_promotions_at_once_make_one_champion(registry: Registry) -> None:
    """Of many who promote at the same moment one succeeds; the others learn who won."""
    crown(registry, "1")
    for version in ("2", "3", "4"):
        registry.judge(version, "1", True, {})
    barrier, answers = threading.Barrier(3), {}

    def promote(version: str) -> None:
        own = Registry(NAME)
        barrier.wait()
        try:
            own.promote(version)
            answers[version] = "promoted"
        except ModelError as error:
            answers[version] = str(error)

    threads = [threading.Thread(target=promote, args=(version,)) for version in ("2", "3", "4")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [version for version, answer in answers.items() if answer == "promoted"]
    assert winners == [champion()]
    assert all("compared with champion v1" in a for a in answers.values() if a != "promoted")
    assert registry.verify() == []


KILLED = """
import os, sys
import mlflow
from fullcircle.tracking.registry.operations import Registry

mlflow.set_tracking_uri(sys.argv[1])
registry = Registry(sys.argv[2])
if sys.argv[3] == "before":
    registry._carry_out = lambda entry: os._exit(9)
else:
    move = registry._client.set_registered_model_alias
    def move_and_die(model, alias, version):
        move(model, alias, version)
        os._exit(9)
    registry._client.set_registered_model_alias = move_and_die
registry.promote("2")
"""


@pytest.mark.parametrize("moment", ["before", "after the first alias"])
def test_a_crash_promotes_nobody_in_error(registry: Registry, moment: str) -> None:
    """Killed between log and alias, the old champion serves, and the next act goes on."""
    crown(registry, "1")
    registry.judge("2", "1", True, {})
    address = mlflow.get_tracking_uri()
    command = [sys.executable, "-W", "ignore", "-c", KILLED, address, NAME, moment]
    assert subprocess.run(command, check=False).returncode == 9
    assert champion() == "1"
    registry.promote("2")
    assert list_aliases(NAME) == {"champion": "2", "previous": "1"}
    assert registry.verify() == []
    assert [entry.act for entry in acts(registry)].count("promote") == 2


def test_who_works_too_long_is_named(registry: Registry, monkeypatch: Any) -> None:
    """Where another act does not end, one line says whose, and nothing is moved."""
    monkeypatch.setattr(audit_log, "_PATIENCE_SECONDS", 0.5)
    slow = audit_log.Entry(0, "", "", "tag", NAME, "1")
    with (
        pytest.raises(ModelError, match=r"at work on catalog\.schema\.model: 5 tag v1"),
        registry.journal.record(lambda: slow),
    ):
        Registry(NAME).move_alias("shadow", "2")
    assert list_aliases(NAME) == {}


def test_an_alias_moved_by_other_hands_is_found(registry: Registry) -> None:
    """Verification names an alias that moved outside the log, and the next act writes it down."""
    crown(registry, "1")
    MlflowClient().set_registered_model_alias(NAME, "champion", "4")
    assert registry.verify() == ["champion is at v4; the log left it at v1."]
    registry.move_alias("shadow", "2")
    found = next(entry for entry in registry.history() if entry.act == "find")
    assert found.moves == {"champion": ["1", "4"]}
    assert registry.verify() == []


def log_runs() -> list[Any]:
    client = MlflowClient()
    experiment = client.get_experiment_by_name(f"{NAME} log")
    found = client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])
    return list(found)[4:]


@pytest.mark.parametrize("place", range(4))
def test_a_missing_line_shows(registry: Registry, place: int) -> None:
    """Take any entry away, the last one too, and verification says so."""
    crown(registry, "1", "2")
    assert registry.verify() == []
    MlflowClient().delete_run(log_runs()[place].info.run_id)
    assert registry.verify()


@pytest.mark.parametrize("place", range(4))
def test_a_changed_line_shows(registry: Registry, place: int) -> None:
    """Change what any entry says, with a seal to match or not, and verification says so."""
    crown(registry, "1", "2")
    run = log_runs()[place]
    text = run.data.tags["entry"].replace('"why": ""', '"why": "I was told to"')
    assert text != run.data.tags["entry"]
    client = MlflowClient()
    client.set_tag(run.info.run_id, "entry", text)
    assert any("was changed" in fault for fault in registry.verify())
    if place < 3:
        client.set_tag(run.info.run_id, "seal", audit_log.Entry.from_json(text).seal)
        assert any("is missing" in fault for fault in registry.verify())


def test_garbage_in_the_log_is_named(registry: Registry) -> None:
    """An entry that cannot be read is a fault, and verification goes on."""
    crown(registry, "1")
    MlflowClient().set_tag(log_runs()[0].info.run_id, "entry", "{")
    assert any("is no entry" in fault for fault in registry.verify())


def test_roles_of_the_gate_are_not_given_by_hand(registry: Registry) -> None:
    """Champion and previous move by promotion and rollback alone; other aliases move freely."""
    for alias in ("champion", "previous"):
        with pytest.raises(ModelError, match="moves by the gate alone"):
            registry.move_alias(alias, "1")
        with pytest.raises(ModelError, match="moves by the gate alone"):
            registry.move_alias(alias, None)
    for odd in ("sha/dow", "my alias", "5", "v5", "latest", ""):
        with pytest.raises(ConfigurationError, match="cannot be an alias"):
            registry.move_alias(odd, "1")
    registry.move_alias("shadow", "2", why="watch it")
    registry.move_alias("shadow", None)
    with pytest.raises(ModelError, match=r"No version .* has the alias shadow"):
        registry.move_alias("shadow", None)
    with pytest.raises(ModelError, match="has no version 9"):
        registry.move_alias("shadow", "9")


def test_an_approval_is_for_the_files_as_they_were(registry: Registry) -> None:
    """Who approved is kept with the digest: of other files it is no approval."""
    registry.approve("2", "looks right")
    [approval] = registry.approvals("2")
    assert approval["why"] == "looks right"
    assert approval["who"]
    assert registry.approvals("1") == []
    assert approval["actor"]["how"] == "claimed"
    MlflowClient().set_model_version_tag(NAME, "2", "digest", "other")
    assert registry.approvals("2") == []


def test_tags_and_descriptions_are_logged(registry: Registry) -> None:
    """Tags and texts change with what they were before, and the registry's own are not written."""
    registry.tag("1", {"team": "sales"})
    registry.tag("1", {"team": None}, why="left")
    registry.describe("1", "The first one.")
    changes = [(entry.act, entry.changes) for entry in acts(registry)]
    assert changes == [
        ("tag", {"team": [None, "sales"]}),
        ("untag", {"team": ["sales", None]}),
        ("describe", {"description": [None, "The first one."]}),
    ]
    assert MlflowClient().get_model_version(NAME, "1").description == "The first one."
    for own in ("digest", "decision", "decided_against", "retired"):
        with pytest.raises(ConfigurationError, match=own):
            registry.tag("1", {own: "x"})
    with pytest.raises(ModelError, match="has no tag: team"):
        registry.tag("1", {"team": None})


def test_the_model_itself_has_tags(registry: Registry) -> None:
    """Tags of the registered model are set, logged and taken away as those of a version are."""
    registry.tag(None, {"domain": "churn"}, why="for the catalog")
    assert MlflowClient().get_registered_model(NAME).tags == {"domain": "churn"}
    registry.tag(None, {"domain": None})
    assert MlflowClient().get_registered_model(NAME).tags == {}
    with pytest.raises(ModelError, match=f"{NAME} has no tag: domain"):
        registry.tag(None, {"domain": None})
    assert [entry.version for entry in acts(registry)] == [None, None]
    assert MlflowClient().get_model_version(NAME, "1").tags == {"digest": "d1"}
    assert registry.verify() == []


def test_what_serves_is_not_retired(registry: Registry) -> None:
    """Champion and previous cannot be retired; another loses its aliases and gets none again."""
    crown(registry, "1", "2")
    for version, role in (("1", "previous"), ("2", "champion")):
        with pytest.raises(ModelError, match=f"v{version} is {role}"):
            registry.retire(version, "old")
    registry.move_alias("shadow", "3")
    registry.retire("3", "old")
    assert "shadow" not in list_aliases(NAME)
    with pytest.raises(ModelError, match="v3 is retired: old"):
        registry.move_alias("shadow", "3")
