"""A database of MLflow's in another folder than it was made in: found, told and rewritten whole."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient

from fullcircle.core.errors import StorageError
from fullcircle.tracking.registry import relocation
from fullcircle.tracking.registry.relocation import (
    describe_displacement,
    find_displacement,
    relocate,
)


def address_of(project: Path) -> str:
    return f"sqlite:///{project}/mlflow.db"


@pytest.fixture
def make_tracked(tmp_path: Path, database: Path) -> Callable[..., Path]:
    """Make a project with one run that has a file, its artifacts where it is told."""

    def make(name: str = "first", artifacts: Path | str | None = None) -> Path:
        project = tmp_path / name
        project.mkdir(parents=True)
        shutil.copy(database, project / "mlflow.db")
        mlflow.set_tracking_uri(address_of(project))
        client = MlflowClient()
        root = artifacts or project / "mlruns" / "1"
        location = root.as_uri() if isinstance(root, Path) else root
        experiment = client.create_experiment("shop", artifact_location=location)
        if isinstance(root, Path):
            client.log_text(client.create_run(experiment).info.run_id, "told", "note.txt")
        return project

    return make


def read_note(project: Path) -> str:
    client = MlflowClient(tracking_uri=address_of(project))
    [run] = client.search_runs([client.get_experiment_by_name("shop").experiment_id])
    return Path(client.download_artifacts(run.info.run_id, "note.txt")).read_text("utf-8")


def dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as base:
        return list(base.iterdump())


@pytest.mark.parametrize("name", ["first", "with blank", "größe #1 100%", "deep/er"])
@pytest.mark.parametrize("is_copy", [True, False], ids=["copied", "moved"])
def test_files_of_runs_are_read_and_written_in_the_projects_own_folder(
    make_tracked: Callable[..., Path], tmp_path: Path, name: str, is_copy: bool
) -> None:
    """After a relocation the copy's runs lie in the copy, and a moved project finds its own."""
    first, second = make_tracked(name), tmp_path / "the second"
    shutil.copytree(first, second)
    if not is_copy:
        shutil.rmtree(first)
    before = sorted(first.rglob("*"))
    found = find_displacement(second / "mlflow.db", second, "mlruns")
    assert found is not None
    assert (found.former, found.copied) == (first, is_copy)
    said = describe_displacement(found)
    assert str(first) in said
    assert "kedro relocate" in said
    done = relocate(found.database, found.former, second)
    assert done.changed == {"experiments": 1, "runs": 1}
    assert find_displacement(second / "mlflow.db", second, "mlruns") is None
    assert read_note(second) == "told"
    client = MlflowClient(tracking_uri=address_of(second))
    run = client.create_run(client.get_experiment_by_name("shop").experiment_id)
    client.log_text(run.info.run_id, "new", "new.txt")
    assert sorted(first.rglob("*")) == before
    assert len(list(second.rglob("new.txt"))) == 1


def test_a_project_where_it_was_made_means_itself(make_tracked: Callable[..., Path]) -> None:
    """Nothing is found in a project that never moved, nor where there is no database, nor none."""
    project = make_tracked()
    assert find_displacement(project / "mlflow.db", project, "mlruns") is None
    assert find_displacement(project / "absent.db", project, "mlruns") is None
    (project / "broken.db").write_bytes(b"no database at all")
    assert find_displacement(project / "broken.db", project, "mlruns") is None


def test_a_folder_outside_may_be_meant(make_tracked: Callable[..., Path], tmp_path: Path) -> None:
    """Artifacts that were put elsewhere, or in a bucket, displace no project, copied or not."""
    for name, place in {"a": tmp_path / "disk" / "mlruns", "b": "s3://bucket/runs"}.items():
        project = make_tracked(name, place)
        shutil.copytree(project, tmp_path / f"{name}2")
        for folder in (project, tmp_path / f"{name}2"):
            assert find_displacement(folder / "mlflow.db", folder, "mlruns") is None


@pytest.mark.parametrize("is_project", [True, False])
def test_an_experiment_made_from_another_folder_displaces_nothing(
    make_tracked: Callable[..., Path], tmp_path: Path, is_project: bool
) -> None:
    """An experiment without files that lies where the shell stood is no sign of a move."""
    other = tmp_path / "other"
    other.mkdir()
    if is_project:
        (other / "mlflow.db").touch()
    project = make_tracked()
    MlflowClient().create_experiment("log", artifact_location=str(other / "mlruns" / "2"))
    assert find_displacement(project / "mlflow.db", project, "mlruns") is None


def test_a_copy_that_ran_before_it_was_checked_is_found(
    make_tracked: Callable[..., Path], tmp_path: Path
) -> None:
    """An experiment of the copy's own does not hide that the others mean the original."""
    first, second = make_tracked(), tmp_path / "second"
    shutil.copytree(first, second)
    client = MlflowClient(tracking_uri=address_of(second))
    client.create_experiment("own", artifact_location=(second / "mlruns" / "2").as_uri())
    found = find_displacement(second / "mlflow.db", second, "mlruns")
    assert found is not None
    assert found.former == first


def test_a_database_of_another_folder_is_shared(
    make_tracked: Callable[..., Path], tmp_path: Path
) -> None:
    """A checkout that is told another project's database by its address is no copy of it."""
    project, checkout = make_tracked(), tmp_path / "checkout"
    checkout.mkdir()
    assert find_displacement(project / "mlflow.db", checkout, "mlruns") is None


def test_one_folder_under_two_names_is_one(
    make_tracked: Callable[..., Path], tmp_path: Path
) -> None:
    """A project seen through a link, or a mount, is not taken for a copy of itself."""
    project = make_tracked()
    (tmp_path / "link").symlink_to(project)
    assert find_displacement(tmp_path / "link/mlflow.db", tmp_path / "link", "mlruns") is None


def test_a_copy_without_the_files_of_runs_is_a_copy(
    make_tracked: Callable[..., Path], tmp_path: Path
) -> None:
    """A copy of the database alone is found by the configured folder's name."""
    first, second = make_tracked(), tmp_path / "second"
    shutil.copytree(first, second, ignore=shutil.ignore_patterns("mlruns"))
    found = find_displacement(second / "mlflow.db", second, "mlruns")
    assert found is not None
    assert found.copied
    assert found.former == first


def test_a_relocation_is_whole_or_none(
    make_tracked: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two addresses, the database is as it was; the copy beside it always is."""
    first, second = make_tracked(), tmp_path / "second"
    shutil.copytree(first, second)
    before = dump(second / "mlflow.db")

    class Killed(BaseException):
        pass

    class Dying:
        """A connection that dies at its second update."""

        def __init__(self, base: sqlite3.Connection) -> None:
            self.base, self.updates = base, 0

        def execute(self, query: str, *given: Any) -> Any:
            self.updates += query.startswith("update")
            if self.updates == 2:
                raise Killed
            return self.base.execute(query, *given)

        def close(self) -> None:
            self.base.close()

    opened = relocation._open
    monkeypatch.setattr(relocation, "_open", lambda path: Dying(opened(path)))
    with pytest.raises(Killed):
        relocate(second / "mlflow.db", first, second)
    monkeypatch.undo()
    assert dump(second / "mlflow.db") == before
    done = relocate(second / "mlflow.db", first, second)
    assert done.backup is not None
    assert dump(done.backup) == before
    assert dump(second / "mlflow.db") != before


def test_a_dry_run_changes_nothing(make_tracked: Callable[..., Path], tmp_path: Path) -> None:
    """What would be rewritten is told, and neither the database nor the folder changes."""
    first, second = make_tracked(), tmp_path / "second"
    shutil.copytree(first, second)
    before = dump(second / "mlflow.db"), sorted(second.rglob("*"))
    done = relocate(second / "mlflow.db", first, second, dry_run=True)
    assert done.changed == {"experiments": 1, "runs": 1}
    assert done.backup is None
    assert (dump(second / "mlflow.db"), sorted(second.rglob("*"))) == before


def test_a_database_at_work_is_left_alone(
    make_tracked: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process writes, the relocation ends with one line and changes nothing."""
    first, second = make_tracked(), tmp_path / "second"
    shutil.copytree(first, second)
    monkeypatch.setattr(relocation, "_PATIENCE_SECONDS", 0.05)
    with closing(sqlite3.connect(second / "mlflow.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StorageError, match="Nothing was changed") as refused:
            relocate(second / "mlflow.db", first, second)
    assert "\n" not in str(refused.value)
    assert find_displacement(second / "mlflow.db", second, "mlruns") is not None


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@given(
    former=names.filter(lambda name: name.strip(".")),
    rest=names.filter(lambda name: name.strip(".")),
    as_uri=st.booleans(),
)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_an_address_moves_with_its_folder_and_no_other_does(
    former: str, rest: str, as_uri: bool
) -> None:
    """Below the folder, an address moves in the form it had; beside it, and elsewhere, it stays."""
    base, project = Path("/srv") / former, Path("/home/new project")

    def write(path: Path) -> str:
        return path.as_uri() if as_uri else str(path)

    assert relocation._move(write(base / rest), base, project) == write(project / rest)
    assert relocation._move(write(Path(f"{base}x") / rest), base, project) is None
    for other in (None, "", "s3://bucket/x", "models:/m-1", "mlflow-artifacts:/1", "relative/x"):
        assert relocation._move(other, base, project) is None
