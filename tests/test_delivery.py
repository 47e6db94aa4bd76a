"""The forges' workflows as their schemas want them, in step with each other; no secret in git."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from tests.test_documentation import Mention, as_mentions, find_fault

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy" / "ci"
SCHEMAS = {
    "github-actions.yml": "vendor.github-workflows",
    "gitlab-ci.yml": "vendor.gitlab-ci",
    "azure-pipelines.yml": "vendor.azure-pipelines",
}
WORKFLOWS = pytest.mark.parametrize("name", SCHEMAS)


def judge(path: Path, schema: str) -> tuple[int, str]:
    """Hold a file against a forge's published schema, which check-jsonschema carries with it."""
    checker = pytest.importorskip("check_jsonschema", reason="check-jsonschema is not installed")
    arguments = ["--regex-variant", "python", "--builtin-schema", schema, str(path)]
    result = CliRunner().invoke(checker.main, arguments)
    return result.exit_code, result.output


def commands(name: str) -> list[Mention]:
    """Give the commands of kedro in a workflow, in their order."""
    text = (FOLDER / name).read_text("utf-8")
    lines = re.findall(r"^.*?\b(kedro (?:run|model) .*)$", text, flags=re.MULTILINE)
    return [mention for line in lines for mention in as_mentions(FOLDER / name, line, whole=True)]


def steps(name: str) -> list[str]:
    """Give the acts of a workflow without what each forge writes in its own way."""
    acts = []
    for mention in commands(name):
        words = list(mention.words)
        for option in ("--params", "--why"):
            if option in words:
                del words[words.index(option) : words.index(option) + 2]
        acts.append(" ".join(words))
    return acts


def test_there_is_a_schema_for_each_workflow() -> None:
    """Every file of the folder is one that the tests look at."""
    assert {path.name for path in FOLDER.iterdir()} == set(SCHEMAS)


@WORKFLOWS
def test_workflow_is_what_its_forge_reads(name: str) -> None:
    """Each workflow is valid by its forge's published schema."""
    assert judge(FOLDER / name, SCHEMAS[name])[0] == 0, judge(FOLDER / name, SCHEMAS[name])[1]


@WORKFLOWS
def test_schema_finds_a_fault(name: str, tmp_path: Path) -> None:
    """A job that is a bare word is found: the schemas are not of the kind that allows all."""
    broken = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    place = {"github-actions.yml": "jobs", "gitlab-ci.yml": "check"}.get(name, "stages")
    broken[place] = "check"
    path = tmp_path / name
    path.write_text(yaml.safe_dump(broken), encoding="utf-8")
    assert judge(path, SCHEMAS[name])[0] == 1


@WORKFLOWS
def test_commands_of_a_workflow_exist(name: str) -> None:
    """Every command of a workflow is one, with options, pipelines and parameters that exist."""
    assert len(commands(name)) == 9
    assert {m.words: fault for m in commands(name) if (fault := find_fault(m))} == {}


def test_workflows_do_the_same() -> None:
    """The three forges train, gate, copy, approve, promote and monitor in the same order."""
    first, *others = (steps(name) for name in SCHEMAS)
    assert all(each == first for each in others)
    acts = [" ".join(step.split()[:2]) for step in first]
    assert acts.index("model approve") < len(acts) - 1 - acts[::-1].index("model promote")


@WORKFLOWS
def test_workflow_checks_what_people_check(name: str) -> None:
    """Each workflow runs .ci/check, looks for secrets and known holes, and lists what is inside."""
    text = (FOLDER / name).read_text("utf-8")
    for wanted in (".ci/check", "detect-secrets-hook", "pip-audit", "cyclonedx-py"):
        assert wanted in text


@WORKFLOWS
def test_workflow_holds_no_password(name: str) -> None:
    """A password comes from the forge's own store of secrets, under its name alone."""
    text = (FOLDER / name).read_text("utf-8")
    given = re.findall(r"PASSWORD: (.*)$", text, flags=re.MULTILINE)
    assert all(re.match(r"\$[({]", value) for value in given)


def scan(*paths: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("detect-secrets-hook")
    if program is None:
        pytest.skip("detect-secrets is not installed")
    called = [program, "--baseline", ".secrets.baseline", *paths]
    return subprocess.run(called, cwd=ROOT, capture_output=True, text=True, check=False)


def test_secrets_are_found(tmp_path: Path) -> None:
    """A key in a file stops the scan; this file's own neighbours do not."""
    leaked = tmp_path / "settings.py"
    leaked.write_text(f'aws_key = "AKIA{"Q7" * 8}"\n', encoding="utf-8")
    assert "Secret Type" in scan(str(leaked)).stdout
    assert scan("README.md", "SECURITY.md", "deploy/ci/github-actions.yml").returncode == 0


def test_the_environment_for_conda_names_what_exists() -> None:
    """The file for conda refers to the lock and to the project, as seen from its own folder."""
    import yaml

    file = ROOT / "deploy" / "environment.yml"
    [packages] = [
        e for e in yaml.safe_load(file.read_text("utf-8"))["dependencies"] if isinstance(e, dict)
    ]
    paths = [file.parent / line.split()[1] for line in packages["pip"]]
    assert [path.resolve() for path in paths] == [ROOT / "requirements.lock", ROOT]
    assert all(path.exists() for path in paths)


OWN_IMAGE = re.compile(r"fullcircle(-endpoint)?:")
NAMED_IMAGE = re.compile(r"^\s*-?\s*(?:FROM|image:|IMAGE:)\s+([\w./-]+[:@]\S+)", re.MULTILINE)
ACTION = re.compile(r"\buses:\s*(\S+@\S+.*)$", re.MULTILINE)


def deployed_files() -> list[Path]:
    """Give the files that say what is run elsewhere."""
    folders = (ROOT / "deploy", ROOT / ".ci", ROOT / ".github")
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_no_image_is_named_by_its_tag_alone() -> None:
    """Every image that others make is named by its digest: a tag may mean another one tomorrow."""
    named = {i for p in deployed_files() for i in NAMED_IMAGE.findall(p.read_text("utf-8"))}
    others = {image for image in named if not OWN_IMAGE.match(image)}
    assert len(others) >= 2
    assert {
        i for i in others if not re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", i)
    } == set()


def test_no_action_is_named_by_its_tag_alone() -> None:
    """Every action is named by its commit, and a comment says which version that is."""
    named = {i for p in deployed_files() for i in ACTION.findall(p.read_text("utf-8"))}
    assert len(named) == 3
    wanted = r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+"
    assert {i for i in named if not re.fullmatch(wanted, i)} == set()


@WORKFLOWS
def test_tools_come_from_locks(name: str) -> None:
    """No workflow installs anything by its name alone: all comes from a lock, or from here."""
    text = (FOLDER / name).read_text("utf-8")
    lines = re.findall(r"pip install (.*?)(?:$| &&)", text, flags=re.MULTILINE)
    words = {word for line in lines for word in line.split()}
    locks = {"requirements.lock", "requirements-dev.lock", ".ci/scan.lock"}
    assert words - {"--quiet", "--require-hashes", "--requirement", "-r", "-e", "."} == locks


@pytest.mark.parametrize("name", ["scan.lock", "build.lock"])
def test_lock_of_tools_is_exact(name: str) -> None:
    """Each pin of the tools' locks is exact and has a digest; no address of an index is in it."""
    text = (ROOT / ".ci" / name).read_text("utf-8")
    assert "://" not in text
    pins = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[\w.-]+(\[\w+\])?==\S+", pin) and "--hash=sha256:" in pin for pin in pins)
