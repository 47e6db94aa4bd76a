"""Making a problem of a table: take it in, look at it, write what it needs."""

import hashlib
import json
import keyword
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from fullcircle.cli.problem.origin import read_source, source_path, write_source
from fullcircle.cli.schedule.scheduler_files import save_files
from fullcircle.config_resolvers import list_problems, read_variable
from fullcircle.core.errors import ConfigurationError, DataError, StorageError, name_missing
from fullcircle.ingestion import CopiedTable, ReadOptions, Source, copy_table
from fullcircle.ingestion.decisions import Decider
from fullcircle.ingestion.inference import Issue, ProblemOptions, Proposal, propose_problem
from fullcircle.ingestion.inference.first_look_page import render_first_look
from fullcircle.ingestion.project_files import refuse_overwriting, write_problem
from fullcircle.ingestion.repeated import count_repeated

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST_NAME = 40
_ORIGIN = "taken_from.json"


@dataclass(frozen=True)
class Draft:
    """A problem that could be written, its table copied to a folder for the time being.

    Attributes:
        proposal: The problem.
        copied: The copied table.
        findings: What was found in source and table.
        files: Texts by place, relative to the project.
        page: The first look as HTML.
        source: What the data came from.
    """

    proposal: Proposal
    copied: CopiedTable
    findings: list[Issue]
    files: dict[Path, str]
    page: str
    source: str


def refuse_bad_name(name: str) -> None:
    """Refuse what cannot be the name of a package, or is taken.

    Raises:
        ConfigurationError: Says what a name must be.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _LONGEST_NAME:
        raise ConfigurationError(
            f"{name!r} cannot name a problem{_blame(name)}. Use small letters, digits and single "
            f"underscores, at most {_LONGEST_NAME}, as in {_suggest_name(name)}."
        )
    if name in list_problems():
        raise ConfigurationError(
            f"There is a problem {name!r} already. Choose another name, or remove it first: "
            f"kedro problem remove {name}"
        )


def _blame(name: str) -> str:
    return ": it is a word of Python's" if keyword.iskeyword(name) else ""


def _suggest_name(name: str) -> str:
    """Give the name that comes nearest to what was meant, or one for example."""
    near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")[:_LONGEST_NAME].rstrip("_")
    near = f"{near}_rows" if keyword.iskeyword(near) else near
    return near if _NAME.fullmatch(near) else "house_prices"


def raw_folder(root: Path, name: str) -> Path:
    """Give the folder of a problem's raw files: below RAW_DIR, or data/01_raw."""
    return root / str(read_variable("RAW_DIR", "data/01_raw")) / name


@contextmanager
def draft_problem(
    root: Path,
    address: str,
    problem_options: ProblemOptions,
    options: ReadOptions,
    decider: Decider,
) -> Iterator[Draft]:
    """Look at a table and draft a problem; nothing is written into the project.

    Args:
        root: The project.
        address: Where the table is.
        problem_options: What the user says of the problem.
        options: What the user says of how the table is written.
        decider: Decides what the table leaves open.

    Raises:
        ConfigurationError: The name is taken, the user's words do not fit the table, or what it
            leaves open stays open.
        DataError: The table cannot be read, or nothing can be learnt from it.
        StorageError: A database cannot be reached.
    """
    from fullcircle.datasets import RawParquetDataset

    refuse_bad_name(problem_options.name)
    refuse_overwriting(root, problem_options.name)
    asked = [problem_options.target, *problem_options.keys, *filter(None, [problem_options.time])]
    source = decider.open(address, replace(options, named=tuple(asked)))
    _refuse_missing(source, asked, address)
    shown = describe_address(address, source)
    folder = Path(tempfile.mkdtemp(prefix="problem-")).resolve()
    try:
        copied = copy_table(source, folder / "table.parquet")
        raw = RawParquetDataset(filepath=str(copied.path)).load()
        proposal = decider.propose(problem_options, partial(propose_problem, raw))
        files = write_problem(proposal, shown)
        files[source_path(problem_options.name)] = write_source(
            problem_options.name, decider.options, decider.decisions
        )
        findings = [*source.findings, *copied.findings, *proposal.findings]
        page = render_first_look(proposal, findings, shown)
        yield Draft(proposal, copied, findings, files, page, shown)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_missing(source: Source, asked: list[str], address: str) -> None:
    if missing := name_missing(asked, source.schema.names):
        names = ", ".join(source.schema.names[:20])
        more = ", …" if len(source.schema.names) > 20 else ""
        raise DataError(
            f"{describe_address(address, source)} has no column {missing}. It has: {names}{more}."
        )
    repeated = [
        f.found
        for f in source.findings
        if f.what == "names" and any(repr(a) in f.found for a in asked)
    ]
    if repeated:
        raise DataError(
            f"{describe_address(address, source)}: {repeated[0]}, so it is not clear which is "
            "meant. Rename one of them."
        )


def describe_address(address: str, source: Source) -> str:
    """Name a source without its folder, user or password."""
    if "://" in address:
        return source.kind
    return f"{Path(address).name} ({source.kind})"


def write_page(root: Path, draft: Draft) -> Path:
    """Write the first look beside the reports that runs of the problem will make.

    Raises:
        StorageError: The folder cannot be written to.
    """
    data = root / str(read_variable("FULLCIRCLE_DATA_DIR", "data"))
    path = data / "08_reporting" / draft.proposal.spec.name / "first_look.html"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(draft.page, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror}.") from error
    return path


def keep_problem(root: Path, draft: Draft) -> Path:
    """Write a drafted problem into the project, and its table below the raw folder.

    Returns:
        The place of the table.

    Raises:
        StorageError: A file cannot be written.
    """
    name = draft.proposal.spec.name
    placed = move_into_problem(root, name, draft.copied, draft.source)
    save_files(root, {str(path): text for path, text in draft.files.items()})
    return placed


def move_into_problem(root: Path, name: str, copied: CopiedTable, source: str) -> Path:
    """Move a copied table behind those that the problem has; its name says where it stands.

    Rows are numbered in the order of the files' names, so a later file renumbers no earlier row.

    Raises:
        StorageError: The folder cannot be written to.
    """
    folder = raw_folder(root, name)
    try:
        return _place(folder, copied, source)
    except OSError as error:
        raise StorageError(
            f"Cannot write to {folder}: {error.strerror}. Set RAW_DIR to a folder that can be "
            "written to, with room for the table."
        ) from error


def _place(folder: Path, copied: CopiedTable, source: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    number = 1 + max(
        (int(path.stem) for path in folder.glob("*.parquet") if path.stem.isdigit()), default=0
    )
    placed = folder / f"{number:04d}.parquet"
    shutil.copyfile(copied.path, placed.with_suffix(".unfinished"))
    placed.with_suffix(".unfinished").rename(placed)
    with placed.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    origin = folder / _ORIGIN
    known = json.loads(origin.read_text("utf-8")) if origin.is_file() else {}
    known[placed.name] = {"source": source, "rows": copied.rows, "sha256": digest}
    if copied.rejected:
        known[placed.name]["rejected"] = copied.rejected
        _write_rejections(placed.with_suffix(".rejected.jsonl"), copied)
    origin.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return placed


def _write_rejections(path: Path, copied: CopiedTable) -> None:
    """Keep the records that could not be read, each with its line and reason."""
    lines = [json.dumps(asdict(each), ensure_ascii=False) for each in copied.rejections]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def append_table(
    root: Path,
    name: str,
    address: str,
    options: ReadOptions,
    decider: Decider,
    *,
    again: bool = False,
) -> tuple[Path, list[Issue]]:
    """Take another table into a problem, behind those that it has.

    Args:
        root: The project's folder.
        name: The problem.
        address: Where the table lies.
        options: How it is read.
        decider: Decides what the table leaves open.
        again: Whether rows are taken in that were taken in before.

    Returns:
        The place of the table, and what was found in it.

    Raises:
        ConfigurationError: There is no such problem.
        DataError: The table lacks a column that the problem reads, or was taken in before.
    """
    from fullcircle.problems import load_problem

    if wrong := name_missing([name], list_problems()):
        raise ConfigurationError(
            f"There is no problem {wrong}. There are: {', '.join(list_problems())}."
        )
    wanted = list(load_problem(name).RAW_COLUMNS)
    options = read_source(root, name, options)
    source = decider.open(address, replace(options, named=tuple(wanted)))
    if missing := name_missing(wanted, source.schema.names):
        raise DataError(
            f"{describe_address(address, source)} lacks the column {missing}, which the problem "
            f"{name} reads. It has: {', '.join(source.schema.names)}."
        )
    folder = Path(tempfile.mkdtemp(prefix="problem-"))
    try:
        copied = copy_table(source, folder / "table.parquet")
        repeated = _look_for_repeated(raw_folder(root, name), copied, wanted, again=again)
        placed = move_into_problem(root, name, copied, describe_address(address, source))
        return placed, [*source.findings, *copied.findings, *repeated]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _look_for_repeated(
    folder: Path, copied: CopiedTable, columns: list[str], *, again: bool
) -> list[Issue]:
    """Say how many rows were taken in before; refuse a table that is one of those again."""
    earlier = sorted(folder.glob("*.parquet"))
    if not earlier:
        return []
    found = count_repeated(copied.path, earlier, columns)
    if not found.repeated:
        return []
    told = f"{found.repeated:,} of {found.rows:,} rows were taken in before"
    if found.is_taken_again and not again:
        raise DataError(
            f"{told}: a model would be judged by rows that it has learnt from. Give new rows, or "
            "say --again to take them all the same."
        )
    return [Issue("danger", "repeated rows", told, "they may stand on both sides of the split")]
