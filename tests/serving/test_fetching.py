"""What the endpoint fetches from the registry, and that it waits where there is nothing."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fullcircle.core.errors import ModelError
from fullcircle.serving import model_files
from fullcircle.serving.file_holds import hold_files
from fullcircle.serving.model_files import Fetcher
from fullcircle.serving.runtime_dir import RuntimeDir, read_json
from fullcircle.tracking.registry.digests import MANIFEST, digest_files, seal_files
from fullcircle.tracking.registry.model_files import SEAL


def test_an_endpoint_without_a_champion_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first promotion there is no role, no file to forget, and no trouble."""
    monkeypatch.setattr(model_files, "list_aliases", lambda model: {})
    monkeypatch.setattr(Fetcher, "_connect", lambda fetcher: None)
    fetcher = Fetcher(RuntimeDir(tmp_path), "a.b.c", "sqlite://")
    assert fetcher.refresh()
    assert fetcher.trouble == {}
    assert read_json(RuntimeDir(tmp_path).roles) == {"roles": {}, "versions": {}}


class Shelf:
    """A registry of small models, and how often anything was fetched or hashed."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.aliases = path / "shelf", {"champion": "1"}
        self.fetched, self.hashed = [], []  # type: list[str], list[Path]
        monkeypatch.setattr(Fetcher, "_connect", lambda fetcher: None)
        monkeypatch.setattr(model_files, "list_aliases", lambda model: dict(self.aliases))
        monkeypatch.setattr(model_files, "find_by_number", lambda model, number: self.find(number))
        monkeypatch.setattr(model_files, "fetch_version", self.fetch)
        look = model_files.find_tampering
        monkeypatch.setattr(
            model_files,
            "find_tampering",
            lambda *given: self.hashed.append(given[0]) or look(*given),
        )
        self.fetcher = Fetcher(RuntimeDir(path / "endpoint"), "a.b.c", "sqlite://")

    def find(self, number: str) -> Any:
        folder = self.path / number
        if not folder.is_dir():
            folder.mkdir(parents=True)
            (folder / "model.skops").write_text(f"model {number}", encoding="utf-8")
            digests = digest_files(folder)
            (folder / MANIFEST).write_text(json.dumps(digests), encoding="utf-8")
        return SimpleNamespace(
            run_id="r", version=number, tags={SEAL: seal_files(digest_files(folder))}
        )

    def fetch(self, version: Any, passing: str) -> Path:
        self.fetched.append(version.version)
        return Path(shutil.copytree(self.path / version.version, f"{passing}/fetched"))

    def place(self, role: str = "champion") -> Path:
        content = read_json(self.fetcher._folder.roles)
        return Path(content["versions"][content["roles"][role]]["folder"])


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """Give a registry with one champion, which was fetched."""
    shelf = Shelf(tmp_path, monkeypatch)
    assert shelf.fetcher.refresh()
    return shelf


def test_files_that_have_not_changed_are_hashed_once(shelf: Shelf) -> None:
    """However often the registry is looked at, unchanged files are fetched and hashed once."""
    for _ in range(5):
        assert not shelf.fetcher.refresh()
    assert (shelf.fetched, len(shelf.hashed)) == (["1"], 1)


def test_changed_files_are_fetched_beside_them(shelf: Shelf) -> None:
    """Files that were changed are found, and left to who reads them until they are let go."""
    changed = shelf.place()
    with hold_files(changed):
        (changed / "model.skops").write_text("other", encoding="utf-8")
        assert shelf.fetcher.refresh()
        shelf.aliases = {"champion": "2"}
        shelf.fetcher.refresh()
        shelf.aliases = {"champion": "3"}
        shelf.fetcher.refresh()
        assert changed.is_dir()
    assert shelf.fetched == ["1", "1", "2", "3"]
    shelf.fetcher.refresh()
    assert not changed.exists()


def test_files_of_the_role_before_stay_until_the_next_change(shelf: Shelf) -> None:
    """What a worker may be about to load, since the roles named it last, is still there."""
    places = [shelf.place()]
    for number in ("2", "3"):
        shelf.aliases = {"champion": number}
        shelf.fetcher.refresh()
        places.append(shelf.place())
    assert [place.is_dir() for place in places] == [False, True, True]


def test_files_that_are_gone_are_said_to_be(tmp_path: Path) -> None:
    """A worker that comes too late is told in one line."""
    with pytest.raises(ModelError, match="are gone"), hold_files(tmp_path / "no"):
        pass
