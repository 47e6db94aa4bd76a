"""What the pages say can be done: every link, path, command, option and parameter exists."""

import re
import shlex
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml

from fullcircle.core.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "notebooks").glob("*.md")),
]
OURS = ("src/", "conf/", "tests/", "docs/", "deploy/", "notebooks/", ".ci/")
# What a reader is to make, and the parameter that tracking reads beside those of conf.
NOT_YET = ("my_problem", "your_name", "conf/local", "conf/production/spark.yml")
FREE_PARAMETERS = {"note"}


class Mention(NamedTuple):
    """A command as a page writes it; ``whole`` if it is there to be copied."""

    page: str
    words: tuple[str, ...]
    whole: bool


def without_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def blocks(text: str, language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    return "\n".join(found)


def slugs(page: Path) -> set[str]:
    """Give the anchors of a page's headings, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", without_blocks(page.read_text("utf-8")), re.MULTILINE)
    plain = (re.sub(r"\[(.*?)\]\(.*?\)", r"\1", head).lower() for head in heads)
    return {re.sub(r"[^\w\- ]", "", head).strip().replace(" ", "-") for head in plain}


def links(page: Path) -> list[str]:
    text = re.sub(r"`[^`]*`", "", without_blocks(page.read_text("utf-8")))
    found = re.findall(r"\]\(([^)\s]+)\)", text)
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def is_broken(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return not target.exists() or bool(anchor and anchor not in slugs(target))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file that is there, and to a heading in it."""
    assert [link for link in links(page) if is_broken(page, link)] == []


def test_every_page_is_reached() -> None:
    """Every page is at most two clicks from the README."""
    near = {ROOT / "README.md"}
    for _ in range(2):
        followed = [
            (page.parent / link.partition("#")[0]).resolve()
            for page in near
            for link in links(page)
            if link.partition("#")[0].endswith(".md")
        ]
        near |= {path for path in followed if path.is_file()}
    assert set(PAGES) - near == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_paths_exist(page: Path) -> None:
    """Every file of the project that a page names is there."""
    spans = re.findall(r"`([^`\s]+)`", without_blocks(page.read_text("utf-8")))
    named = [s for s in spans if s.startswith(OURS) and not re.search(r"[<>*|…$]", s)]
    missing = [s for s in named if not (ROOT / s).exists() and not any(n in s for n in NOT_YET)]
    assert missing == []


def mentions(page: Path) -> Iterator[Mention]:
    """Give the commands of kedro, and of the packaged program, that a page names."""
    text = page.read_text("utf-8")
    for line in blocks(text, "bash").replace("\\\n", " ").splitlines():
        yield from as_mentions(page, line, whole=True)
    for span in re.findall(r"`([^`]+)`", without_blocks(text)):
        yield from as_mentions(page, span, whole=False)


def as_mentions(page: Path, line: str, *, whole: bool) -> Iterator[Mention]:
    for part in re.split(r"&&|\|\||;|\|", line):
        if not re.match(r"\s*([A-Z_]+=\S+\s+)*(kedro|fullcircle)\s+[a-z]", part):
            continue
        words = [w for w in shlex.split(part, comments=True) if not re.match(r"[A-Z_]+=", w)]
        yield Mention(page.name, tuple(words[1:]), whole)


@cache
def program() -> click.Group:
    """Give the tree of commands as a terminal in the project has it."""
    from kedro.framework.cli.cli import KedroCLI

    # Kedro leaves a plugin out whose import warns, where warnings are errors.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree: click.Group = KedroCLI(project_path=ROOT)
        for name in tree.list_commands(click.Context(tree)):
            tree.get_command(click.Context(tree), name)
    return tree


def find_fault(mention: Mention) -> str | None:
    """Say what is wrong with a command, by the program's own definition of it."""
    command: click.Command = program()
    context = click.Context(command, info_name="kedro")
    words = list(mention.words)
    while isinstance(command, click.Group) and words:
        found = command.get_command(context, words.pop(0))
        if found is None:
            return "there is no such command"
        command, context = found, click.Context(found, parent=context)
    return find_fault_of_arguments(command, context, words, whole=mention.whole)


def find_fault_of_arguments(
    command: click.Command, context: click.Context, words: list[str], *, whole: bool
) -> str | None:
    if not words and not whole:
        return None
    try:
        given, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    if rest:
        return f"too many words: {rest}"
    absent = [p.name for p in command.params if p.required and is_absent(p, context, given)]
    if absent:
        return f"missing: {absent}"
    return find_fault_of_values(command, given)


def is_absent(parameter: click.Parameter, context: click.Context, given: dict[str, Any]) -> bool:
    value, _ = parameter.consume_value(context, given)
    return parameter.value_is_missing(value)


def find_fault_of_values(command: click.Command, given: dict[str, Any]) -> str | None:
    for parameter in command.params:
        value = given.get(parameter.name or "")
        choices = [str(choice) for choice in getattr(parameter.type, "choices", [])]
        if choices and isinstance(value, str) and value not in choices:
            return f"{value} is not one of {choices}"
    if unknown := unknown_names(given):
        return f"there is no pipeline or parameter {unknown}"
    return None


def unknown_names(given: dict[str, Any]) -> list[str]:
    rooms = {path.parent.name for path in ROOT.glob("src/fullcircle/pipelines/*/pipeline.py")}
    named = str(given.get("pipeline") or given.get("pipelines") or "").split(",")
    pairs = [pair for pair in str(given.get("params") or "").split(",") if "=" in pair]
    keys = [pair.partition("=")[0] for pair in pairs]
    return [n for n in named if n and n not in rooms] + [k for k in keys if not is_parameter(k)]


@cache
def parameters() -> dict[str, Any]:
    files = (ROOT / "conf" / "base").glob("parameters*.yml")
    return {k: v for file in files for k, v in yaml.safe_load(file.read_text("utf-8")).items()}


def is_parameter(dotted: str) -> bool:
    by_metric, _, metric = dotted.partition(".minimum.")  # gate.minimum holds a bar by metric
    if dotted in FREE_PARAMETERS or (by_metric == "gate" and metric in METRICS):
        return True
    level: Any = parameters()
    for part in dotted.split("."):
        if not isinstance(level, dict) or part not in level:
            return False
        level = level[part]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist(page: Path) -> None:
    """Every command of kedro on a page is one, with options, choices and parameters that exist."""
    faults = {" ".join(m.words): fault for m in mentions(page) if (fault := find_fault(m))}
    assert faults == {}


def test_help_shows_commands_that_exist() -> None:
    """Every example in a command's help, and every command that it leads on to, is one."""
    faults, seen = {}, 0
    for words, command in taught(program(), ()):
        for line in (*command.example, command.then):
            for mention in as_mentions(ROOT / words, line, whole=line != command.then):
                seen += 1
                if fault := find_fault(mention):
                    faults[f"{words}: {line}"] = fault
    assert faults == {}
    assert seen > 50


def taught(group: click.Command, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Give every command of ours below a group, with its words."""
    names = group.list_commands(click.Context(group)) if isinstance(group, click.Group) else []
    for name in names:
        command = group.get_command(click.Context(group), name)
        if hasattr(command, "example"):
            yield " ".join((*words, name)), command
            yield from taught(command, (*words, name))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_scripts_exist(page: Path) -> None:
    """Every script that a page calls is there."""
    called = re.findall(r"python ((?:tests|docs|deploy)/\S+\.py)", page.read_text("utf-8"))
    assert [path for path in called if not (ROOT / path).is_file()] == []


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("runn", "no such command"),
        ("run --pipelin training", "no such option"),
        ("run --pipeline trainig", "no pipeline"),
        ("run --params gate.min_row=5", "no pipeline or parameter"),
        ("model promote", "missing"),
        ("schedule write crom", "is not one of"),
        ("model history now", "too many"),
    ],
)
def test_a_wrong_command_is_found(words: str, fault: str) -> None:
    """A misspelt command, option, pipeline, parameter or choice, or a missing word, is a fault."""
    assert fault in str(find_fault(Mention("page", tuple(words.split()), whole=True))).lower()
