"""What the endpoint fetches from the registry, and that it waits where there is nothing."""

from pathlib import Path

import pytest

from fullcircle.serving import model_files
from fullcircle.serving.model_files import Fetcher
from fullcircle.serving.runtime_dir import EndpointFolder, read_json


def test_an_endpoint_without_a_champion_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first promotion there is no role, no file to forget, and no trouble."""
    monkeypatch.setattr(model_files, "list_aliases", lambda model: {})
    monkeypatch.setattr(Fetcher, "_connect", lambda fetcher: None)
    fetcher = Fetcher(EndpointFolder(tmp_path), "a.b.c", "sqlite://")
    assert fetcher.refresh()
    assert fetcher.trouble == {}
    assert read_json(EndpointFolder(tmp_path).roles) == {"roles": {}, "versions": {}}
