"""Which run made a stored result, and at which clock: written with it, read before it is used."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MadeBy:
    """The run that made a result.

    Attributes:
        as_of: Its clock; empty where a person saved it, outside of any run.
        problem: Its problem.
        data_source: Its source of data.
        session: A name that no other run has.
    """

    as_of: str
    problem: str
    data_source: str
    session: str

    @classmethod
    def by_hand(cls) -> "MadeBy":
        """Return what stands for a person who saved it, as from a notebook."""
        return cls("", "", "", "")

    @property
    def is_by_hand(self) -> bool:
        """Whether a person saved it, outside of any run."""
        return not self.session

    @classmethod
    def read(cls, facts: Mapping[str, Any]) -> "MadeBy | None":
        """Return what facts say of a run; None where they name none."""
        known = {name: facts.get(name) for name in cls.__dataclass_fields__}
        return cls(**known) if all(isinstance(v, str) for v in known.values()) else None  # type: ignore[arg-type]


class _Current:
    """The run that works in this process."""

    run: MadeBy | None = None


def begin_run(run: MadeBy) -> None:
    """Write this run's name with everything that is stored from now on."""
    _Current.run = run


def end_run() -> None:
    """Write no run's name any more."""
    _Current.run = None


def describe_run() -> dict[str, str]:
    """Return the facts of the run that works now; nothing where none does."""
    return asdict(_Current.run) if _Current.run else {}


def stamp_file(path: Path, content: bytes) -> None:
    """Write which run makes a file, before the file itself is moved to its place.

    The stamp holds the content's digest: after a crash between the two it fits neither.
    """
    stamp = _stamp_path(path)
    if not (run := describe_run()):
        stamp.unlink(missing_ok=True)
        return
    beside = stamp.with_name(f"{stamp.name}.unfinished")
    facts = {**run, "sha256": hashlib.sha256(content).hexdigest()}
    beside.write_text(json.dumps(facts), encoding="utf-8")
    os.replace(beside, stamp)


def read_file_stamp(path: Path) -> MadeBy | None:
    """Return which run made a file as it is now; None where that is not known."""
    try:
        facts = json.loads(_stamp_path(path).read_text(encoding="utf-8"))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, ValueError):
        return None
    fits = isinstance(facts, dict) and facts.get("sha256") == digest
    return MadeBy.read(facts) if fits else None


def _stamp_path(path: Path) -> Path:
    return path.with_name(f".{path.name}.made_by")
