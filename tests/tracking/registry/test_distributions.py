"""Requirements of a model: they name a package that exists, on whatever platform it is loaded."""

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import mlflow
import pytest
from packaging.requirements import Requirement
from tests.small_models import make_model

from fullcircle.datasets import ModelDataset
from fullcircle.tracking.provenance import describe_environment
from fullcircle.tracking.registry import distributions
from fullcircle.tracking.registry.distributions import PLATFORM_PACKAGES, find_version, pin_library

PLATFORMS = ["linux", "darwin", "win32"]
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("platform", PLATFORMS)
def test_one_package_brings_a_library_on_each_platform(platform: str) -> None:
    """The pins of a library hold for each platform exactly once, and on macOS it is xgboost."""
    pins = [Requirement(pin) for pin in pin_library("xgboost")]
    held = [
        pin.name for pin in pins if pin.marker and pin.marker.evaluate({"sys_platform": platform})
    ]
    assert held == ["xgboost" if platform == "darwin" else "xgboost-cpu"]


def test_the_markers_are_those_of_the_project() -> None:
    """pyproject.toml asks for the same packages by the same markers as a model's requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {
        Requirement(line).name: str(Requirement(line).marker) for line in project["dependencies"]
    }
    for packages in PLATFORM_PACKAGES.values():
        for package, marker in packages.items():
            assert asked[package].replace('"', "'") == marker


def test_a_model_can_be_installed_on_a_mac(tracked: Path) -> None:
    """The requirements that MLflow keeps with a model name xgboost for macOS, cpu elsewhere."""
    with mlflow.start_run():
        dataset = ModelDataset(model_name="c.s.m", alias="challenger", optional=False)
        dataset.save(make_model("xgboost"))
    folder = mlflow.artifacts.download_artifacts("models:/c.s.m/1")
    lines = (Path(folder) / "requirements.txt").read_text(encoding="utf-8").splitlines()
    for pin in pin_library("xgboost"):
        assert str(Requirement(pin)) in [str(Requirement(line)) for line in lines]


def test_an_environment_is_described_where_xgboost_has_its_other_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run tells the version of xgboost on a Mac as well, where it comes without -cpu."""

    def version(package: str) -> str:
        if package == "xgboost-cpu":
            raise PackageNotFoundError(package)
        return "3.2.0"

    monkeypatch.setattr(distributions, "version", version)
    assert describe_environment()["version.xgboost"] == "3.2.0"


def test_what_is_not_installed_is_not_pinned() -> None:
    """A library that is absent gives no requirement, and no error."""
    assert find_version("no-such-library") is None
    assert pin_library("no-such-library") == []
