"""Files of one problem are nothing to the commands of another."""

from collections.abc import Callable
from typing import Any

import pytest

from fullcircle.configuration.loader import CheckedConfigLoader
from fullcircle.core.errors import ConfigurationError
from fullcircle.settings import CONFIG_LOADER_ARGS

BROKEN = {
    "torn YAML": "diabetes:\n  real: [1\n",
    "a reference to nothing": "diabetes:\n  as_of: ${nothing}\n",
    "a variable": "diabetes:\n  as_of: ${oc.env:NO_SUCH_VARIABLE_AT_ALL}\n  real: ${globals:no}\n",
}


@pytest.fixture
def project(new_project: Callable[..., Any]) -> Any:
    """Give a project as the template ships it."""
    return new_project(simulation=None)


def open_loader(project: Any) -> CheckedConfigLoader:
    return CheckedConfigLoader(str(project.path / "conf"), "local", {}, **CONFIG_LOADER_ARGS)


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("name", ["parameters.yml", "catalog.yml"])
def test_a_broken_problem_stops_no_other(
    project: Any, monkeypatch: pytest.MonkeyPatch, name: str, content: str
) -> None:
    """With broken files in one problem's folder, another is read; its own names file and key."""
    text = content.replace("diabetes:", "_diabetes:") if name == "catalog.yml" else content
    path = project.path / "conf" / "base" / "problems" / "diabetes" / name
    path.write_text(text, encoding="utf-8")
    for other in ("telco_churn", "nyc_taxi"):
        monkeypatch.setenv("PROBLEM", other)
        loader = open_loader(project)
        assert loader["parameters"]["problem"]["name"] == other
        assert "raw" in loader["catalog"]
    monkeypatch.setenv("PROBLEM", "diabetes")
    with pytest.raises(ConfigurationError) as refused:
        _ = open_loader(project)[name.removesuffix(".yml")]
    # What conf/base takes from the problem fails as well, and either may be met first.
    shared = "conf/base/parameters.yml" if "${nothing}" in content else "conf/base/problems"
    said = str(refused.value)
    assert f"conf/base/problems/diabetes/{name}" in said or shared in said
    assert "\n" not in str(refused.value)


def test_the_chosen_problem_is_read_whole(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the files of the chosen problem are read, whichever it is."""
    for name, others in {"diabetes": "nyc_taxi", "nyc_taxi": "diabetes"}.items():
        monkeypatch.setenv("PROBLEM", name)
        parameters = open_loader(project)["parameters"]
        assert name in parameters
        assert others not in parameters
