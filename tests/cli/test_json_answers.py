"""``--json`` of every command: standard output holds the answer and nothing else."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from fullcircle.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
# Words that make each command answer in a project whose pipelines have run.
WORDS = {
    "alerts list": "",
    "endpoint status": "",
    "endpoint token list": "",
    "endpoint traffic": "",
    "features describe": "customer_billing",
    "features history": "customer_billing",
    "features lineage": "--table customer_billing",
    "features list": "",
    "features maintain": "customer_billing",
    "features publish": "customer_billing",
    "maintain": "",
    "model best": "",
    "model card": "champion",
    "model compare": "champion challenger",
    "model export": "champion --output {folder}/exported",
    "model history": "",
    "model list": "",
    "model show": "champion",
    "problem check": "",
    "problem list": "",
    "schedule check": "",
    "schedule list": "",
}
# Acts and long commands, whose own tests parse what they answer.
ELSEWHERE = {
    "test_model_acts.py": "adopt alias allow approve copy describe promote reproduce retire "
    "rollback tag untag",
    "test_automl.py": "automl",
    "test_alerts.py": "test",
    "test_fetch.py": "fetch",
    "test_relocate.py": "relocate",
    "test_retrain.py": "retrain",
}
IN_OTHER_FOLDERS = {"endpoint compare", "endpoint costs", "replay", "stream"}


def list_commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Name the commands that answer in JSON."""
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from list_commands(one, (*path, name))
    elif any(option.name == "as_json" for option in command.params):
        yield " ".join(path)


def test_no_command_is_left_out() -> None:
    """Each command with --json is asked here, or its own test reads the JSON."""
    elsewhere = {word for words in ELSEWHERE.values() for word in words.split()}
    left = set(list_commands(cli)) - set(WORDS) - IN_OTHER_FOLDERS
    assert {name.rpartition(" ")[2] for name in left} == elsewhere
    for file, words in ELSEWHERE.items():
        text = (Path(__file__).parent / file).read_text("utf-8")
        missing = [word for word in words.split() if word not in text]
        assert (missing, "--json" in text) == ([], True)


@pytest.mark.parametrize("name", WORDS)
def test_standard_output_is_json_and_nothing_else(name: str, circle: Any, tmp_path: Path) -> None:
    """What a command says beside its answer goes to standard error."""
    with chdir(circle.path):
        words = WORDS[name].format(folder=tmp_path).split()
        done = CliRunner().invoke(cli, [*name.split(), *words, "--json"])
    assert done.exit_code == 0, done.output
    json.loads(done.stdout)


def test_logs_never_reach_standard_output() -> None:
    """A project's logging, and ours outside of projects, write to standard error alone."""
    ours = ROOT / "src" / "fullcircle" / "logging.yml"
    assert ours.read_text("utf-8") == (ROOT / "conf" / "logging.yml").read_text("utf-8")
    handlers = yaml.safe_load(ours.read_text("utf-8"))["handlers"].values()
    assert {handler["stream"] for handler in handlers} == {"ext://sys.stderr"}


def test_outside_a_project_standard_output_is_json_as_well(tmp_path: Path) -> None:
    """``fullcircle automl --json`` in any folder answers in JSON alone, refusals on stderr."""
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n", encoding="utf-8")
    command = [sys.executable, "-m", "fullcircle", "automl", "--file", "rows.csv", "--target"]
    refused = subprocess.run(
        [*command, "y", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "Error: " in refused.stderr
