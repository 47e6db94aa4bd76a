"""What the endpoint fetches from the registry, and that it waits where there is nothing."""

from pathlib import Path

import pytest

from fullcircle.serving import fetching
from fullcircle.serving.fetching import Fetcher
from fullcircle.serving.folder import EndpointFolder, read_json


def test_an_endpoint_without_a_champion_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first promotion there is no role, no file to forget, and no trouble."""
    monkeypatch.setattr(fetching, "list_aliases", lambda model: {})
    monkeypatch.setattr(Fetcher, "_connect", lambda fetcher: None)
    fetcher = Fetcher(EndpointFolder(tmp_path), "a.b.c", "sqlite://")
    assert fetcher.refresh()
    assert fetcher.trouble == {}
    assert read_json(EndpointFolder(tmp_path).roles) == {"roles": {}, "versions": {}}
