"""Hands other than the registry's: what they change is refused, or found, or both."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from tests.tracking.registry.test_acts import NAME, crown, log_runs, registry

from fullcircle.core.audit_log.versions import is_same_person
from fullcircle.core.errors import ModelError
from fullcircle.tracking.registry.operations import Registry
from fullcircle.tracking.registry.verification import export_head

__all__ = ["registry"]  # the fixture


def rewrite(run: Any, **changes: Any) -> None:
    """Change an entry of the log and give it the seal that fits."""
    entry = {**json.loads(run.data.tags["entry"]), **changes}
    text = json.dumps(entry, sort_keys=True)
    client = MlflowClient()
    client.set_tag(run.info.run_id, "entry", text)
    client.set_tag(run.info.run_id, "seal", hashlib.sha256(text.encode()).hexdigest())


def test_a_forged_decision_promotes_nobody(registry: Registry) -> None:
    """Tags that say the gate let a version pass are nothing without the log's word, and show."""
    crown(registry, "1")
    client = MlflowClient()
    client.set_model_version_tag(NAME, "2", "decision", "promote")
    client.set_model_version_tag(NAME, "2", "decided_against", "1")
    with pytest.raises(ModelError, match="its tag decision says 'promote', the log says nothing"):
        registry.promote("2")
    assert "v2: its tag decision says 'promote', the log says nothing." in registry.verify()


def test_a_refusal_turned_into_a_yes_promotes_nobody(registry: Registry) -> None:
    """A decision that the log knows as a refusal stays one, whatever its tag says."""
    crown(registry, "1")
    registry.judge("2", "1", False, {})
    MlflowClient().set_model_version_tag(NAME, "2", "decision", "promote")
    with pytest.raises(ModelError, match="the log says 'refuse'"):
        registry.promote("2")


@pytest.mark.parametrize("tag", ["digest", "retired"])
def test_any_tag_of_the_registry_that_was_changed_shows(registry: Registry, tag: str) -> None:
    """Digest and retirement are compared with the log as decisions are."""
    crown(registry, "1")
    registry.judge("2", "1", True, {})
    MlflowClient().set_model_version_tag(NAME, "2", tag, "forged")
    assert any(f"v2: its tag {tag} says 'forged'" in fault for fault in registry.verify())
    with pytest.raises(ModelError, match=f"its tag {tag} says 'forged'"):
        registry.promote("2")


def test_a_rewritten_last_entry_shows(registry: Registry) -> None:
    """The newest entry, changed with a seal to match, is not the one that this machine saw."""
    crown(registry, "1", "2")
    assert registry.verify() == []
    rewrite(log_runs()[-1], why="I was told to")
    [fault] = registry.verify()
    assert "is missing or was rewritten" in fault


def test_a_cut_tail_shows_although_the_alias_was_moved_back(registry: Registry) -> None:
    """Without its last entries, the alias where the rest left it, the log lacks its head."""
    crown(registry, "1", "2")
    client = MlflowClient()
    for run in log_runs()[-2:]:
        client.delete_run(run.info.run_id)
    client.set_registered_model_alias(NAME, "champion", "1")
    client.delete_registered_model_alias(NAME, "previous")
    for tag in ("decision", "decided_against"):
        client.delete_model_version_tag(NAME, "2", tag)
    [fault] = registry.verify()
    assert "is missing or was rewritten" in fault


def test_an_exported_head_is_held_against_the_log(registry: Registry, tmp_path: Path) -> None:
    """A head in a file of one's own finds a log that was set up again, on any machine."""
    crown(registry, "1")
    path = tmp_path / "head.json"
    export_head(registry.journal, path)
    assert registry.verify(path) == []
    registry.head.unlink()
    rewrite(log_runs()[-1], why="other")
    assert registry.verify() == []  # this machine has seen nothing
    assert any("missing or was rewritten" in fault for fault in registry.verify(path))
    assert any("no head of the log" in fault for fault in registry.verify(tmp_path / "none"))
    path.write_text("{", encoding="utf-8")
    assert any("holds no head" in fault for fault in registry.verify(path))


def test_a_signed_head_cannot_be_made_by_others(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a key, a head that was changed, or was signed by none, is a fault."""
    crown(registry, "1")
    path = tmp_path / "head.json"
    export_head(registry.journal, path)
    monkeypatch.setenv("FULLCIRCLE_LOG_KEY", "secret")
    assert any("does not bear the signature" in fault for fault in registry.verify(path))
    export_head(registry.journal, path)
    assert registry.verify(path) == []
    path.write_text(
        path.read_text("utf-8").replace(log_runs()[-1].data.tags["seal"], "0" * 64),
        encoding="utf-8",
    )
    assert any("does not bear the signature" in fault for fault in registry.verify(path))


def test_names_are_claims_unless_the_server_vouches(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name from the environment is logged as claimed, beside the user of the machine."""
    monkeypatch.setenv("LOGNAME", "the boss")
    entry = registry.approve("2", "fine")
    assert entry.who == "the boss"
    assert entry.evidence["actor"]["how"] == "claimed"
    assert {"host", "uid"} <= set(entry.evidence["actor"])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("ada", "claimed", "a", 1), ("ada", "claimed", "b", 2), True),
        (("ada", "claimed", "a", 1), ("boss", "claimed", "a", 1), True),
        (("ada", "claimed", "a", 1), ("bob", "claimed", "a", 2), False),
        (("ada", "claimed", "a", 1), ("bob", "claimed", "b", 1), False),
        (("ada", "server", "ci", 0), ("bob", "server", "ci", 0), False),
        (("ada", "server", "a", 1), ("ada", "claimed", "b", 2), True),
    ],
)
def test_two_names_of_one_user_of_a_machine_are_one_person(
    one: Any, other: Any, same: bool
) -> None:
    """Another claimed name on the same account is nobody else; what a server vouches for is."""
    first, second = (
        {"who": who, "actor": {"how": how, "host": host, "uid": uid}}
        for who, how, host, uid in (one, other)
    )
    assert is_same_person(first, second) is same
    assert is_same_person(second, first) is same
