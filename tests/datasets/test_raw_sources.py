"""Raw files and simulations as catalog entries."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from kedro.io import DatasetError

from fullcircle.datasets import RawFileDataset, SimulatedDataset


class Counting:
    """A simulator that counts how often it ran, and may break in the middle."""

    runs = 0

    def __init__(self, *, pieces: int, broken: bool = False) -> None:
        self._pieces, self._broken = pieces, broken

    def pieces(self) -> Iterator[tuple[str, pa.Table]]:
        type(self).runs += 1
        for number in range(self._pieces):
            if self._broken and number:
                raise RuntimeError("broken simulator")
            yield f"{number:03d}", pa.table({"value": [number, number]})


def simulated(tmp_path: Path, **settings: object) -> SimulatedDataset:
    path = f"{__name__}.Counting"
    return SimulatedDataset(simulator=path, filepath=str(tmp_path), settings=settings)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, __name__, sys.modules[Counting.__module__])


def test_file_is_read_as_text_with_numbered_rows(tmp_path: Path) -> None:
    """No type is guessed, so nothing is lost before it is judged; rows are numbered from 1."""
    file = tmp_path / "file.csv"
    file.write_text('a,b\n01,\n"x, y",2024-01-01\n', encoding="utf-8")
    dataset = RawFileDataset(filepath=str(file))
    table = dataset.load().to_pandas()
    assert table["a"].tolist() == ["01", "x, y"]
    assert table["source_row"].tolist() == [1, 2]
    assert dataset.data_version().startswith("sha256 ")
    with pytest.raises(DatasetError, match="never written"):
        dataset.save(dataset.load())


def test_missing_file_gives_the_hint(tmp_path: Path) -> None:
    """Where the file is missing, the catalog's own hint says what to do."""
    dataset = RawFileDataset(filepath=str(tmp_path / "no.csv"), hint="Put it there")
    assert dataset.data_version() is None
    with pytest.raises(DatasetError, match="Put it there"):
        dataset.load()


def test_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    """Bytes that no CSV reader understands end in one line that names the file."""
    file = tmp_path / "file.csv"
    file.write_bytes(b"\xff\xfe broken \x80\n\x81")
    with pytest.raises(DatasetError, match=r"file\.csv"):
        RawFileDataset(filepath=str(file)).load().to_pandas()


def test_simulation_runs_once_and_is_then_read(tmp_path: Path) -> None:
    """The same settings mean the same files, made once; other settings make others."""
    before = Counting.runs
    first = simulated(tmp_path, pieces=3)
    assert first.load().to_pandas()["value"].tolist() == [0, 0, 1, 1, 2, 2]
    assert simulated(tmp_path, pieces=3).load().count().execute() == 6
    assert Counting.runs == before + 1
    other = simulated(tmp_path, pieces=2)
    assert other.load().count().execute() == 4
    assert first.data_version() != other.data_version()
    with pytest.raises(DatasetError, match="cannot be saved"):
        first.save(first.load())


def test_broken_simulation_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    """Files of a simulation that broke are never taken for a whole one."""
    dataset = simulated(tmp_path, pieces=3, broken=True)
    with pytest.raises(Exception, match="broken simulator"):
        dataset.load()
    assert not dataset._exists()
