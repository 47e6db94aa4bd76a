"""The packaged project runs where the project is not."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from kedro.framework.startup import ProjectMetadata
from tests.conftest import ADDRESSES, ROOT, SMALL_SIMULATION, SWITCHES

from fullcircle.cli.package import _refuse_secrets, package
from fullcircle.core.errors import ConfigurationError

SECRET = "not-for-the-archive"  # noqa: S105 - made up


@dataclass
class Installed:
    """A wheel in an environment of its own, its conf, and the folders of two runs."""

    package: Path
    archive: Path
    ran: Path
    result: subprocess.CompletedProcess[str]
    refused: Path
    refusal: subprocess.CompletedProcess[str]


def copy_project(folder: Path) -> Path:
    """Copy what git keeps, without what runs have made, and put a secret into conf/local."""
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    local = folder / "conf" / "local"
    shutil.rmtree(local)
    local.mkdir()
    (local / "credentials.yml").write_text(f"secret: {SECRET}", encoding="utf-8")
    return folder


def bare_environment() -> dict[str, str]:
    ours = {*SWITCHES, *ADDRESSES, "KEDRO_LOGGING_CONFIG", "PYTHONPATH"}
    return {name: value for name, value in os.environ.items() if name not in ours}


def build(project: Path) -> tuple[Path, Path]:
    """Run ``kedro package``, and give the wheel and the archive."""
    obj = ProjectMetadata(
        config_file=project / "pyproject.toml",
        package_name="fullcircle",
        project_name="Full Circle",
        project_path=project,
        source_dir=project / "src",
        kedro_init_version="1.7.0",
        tools=[],
        example_pipeline="",
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        result = CliRunner().invoke(package, obj=obj)
    assert result.exit_code == 0, result.output
    (wheel,) = (project / "dist").glob("*.whl")
    return wheel, project / "dist" / "conf-fullcircle.tar.gz"


def install(folder: Path, wheel: Path) -> Path:
    """Install a wheel into an environment that sees this one's libraries, and not the sources."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    programs = Path(sysconfig.get_path("scripts", vars={"base": str(folder)}))
    site = sysconfig.get_path("purelib", vars={"base": str(folder)})
    # A path file brings the folders alone: path files in them, as of editable installs, are not
    # read. The package itself may be among the libraries, so that pip must not be content with it.
    libraries = [path for path in sys.path if Path(path).name == "site-packages"]
    Path(site, "libraries.pth").write_text("\n".join(libraries), encoding="utf-8")
    words = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed"]
    python = [str(programs / "python"), *words, str(wheel)]
    subprocess.run(python, env=bare_environment(), check=True)
    return programs


def start(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    folder.mkdir()
    return subprocess.Popen(
        words,
        cwd=folder,
        env={**bare_environment(), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Package the project, install it elsewhere, and run it twice: well, and with a wrong word."""
    folder = tmp_path_factory.mktemp("package")
    wheel, archive = build(copy_project(folder / "project"))
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "elsewhere", filter="data")
    programs = install(folder / "environment", wheel)
    shutil.rmtree(folder / "project" / "src")
    conf = folder / "elsewhere" / "conf"
    (conf / "local" / "catalog.yml").write_text(SMALL_SIMULATION, encoding="utf-8")
    words = ["--conf-source", str(conf), "--pipeline", "data_processing"]
    ran, refused = folder / "ran", folder / "refused"
    module = [str(programs / "python"), "-m", "fullcircle"]
    command = [str(programs / "fullcircle"), "run"]
    # At once, on two cores.
    running = start(ran, *module, *words, FULLCIRCLE_DATA_DIR=str(folder / "tables"))
    wrong = start(refused, *command, *words, "--env", "stagin")
    (found,) = (folder / "environment").rglob("site-packages/fullcircle")
    return Installed(found, archive, ran, finish(running), refused, finish(wrong))


def test_wheel_and_conf_run_in_an_empty_folder(installed: Installed) -> None:
    """Built, installed and given its conf, the package runs a pipeline without the project."""
    assert installed.result.returncode == 0, installed.result.stderr
    assert "8,800 rows read" in installed.result.stdout


def test_addresses_of_the_package_are_the_folder_or_the_variables(installed: Installed) -> None:
    """Runs are tracked in the working directory, and tables lie where the variable says."""
    made = {path.name for path in installed.ran.iterdir()}
    assert {"mlflow.db", "mlruns"} <= made <= {"mlflow.db", "mlruns", "data", ".viz"}
    tables = installed.ran.parent / "tables"
    assert (tables / "03_primary" / "telco_churn" / "simulated" / "events" / "_delta_log").is_dir()
    assert not list(installed.ran.glob("data/0[2-8]*"))


def test_package_is_as_quiet_as_the_project(installed: Installed) -> None:
    """The logging of the conf that was given holds: our own lines on stderr, without Kedro's."""
    assert re.search(r"^INFO +validate_rows", installed.result.stderr, re.MULTILINE)
    said = installed.result.stdout + installed.result.stderr
    assert re.findall("Loading data from|Running node|logging configuration", said) == []


def test_error_of_the_package_is_one_line(installed: Installed) -> None:
    """A wrong word is answered in one line with what is allowed, and leaves nothing behind."""
    assert installed.refusal.returncode != 0
    assert installed.refusal.stderr.strip() == (
        "Error: There is no environment 'stagin' (nearest: 'staging'). "
        "There are: base, local, production, staging."
    )
    assert list(installed.refused.iterdir()) == []


def test_archive_holds_conf_and_no_secret(installed: Installed) -> None:
    """Every environment's configuration goes with the archive; what lies in conf/local does not."""
    with tarfile.open(installed.archive) as packed:
        files = {m.name: packed.extractfile(m).read() for m in packed if m.isfile()}  # type: ignore[union-attr]
    assert {"conf/logging.yml", "conf/base/schedules.yml", "conf/staging/globals.yml"} <= set(files)
    assert not any(SECRET.encode() in contents for contents in files.values())


def test_wheel_holds_every_file_of_the_package(installed: Installed) -> None:
    """Templates and all that is no Python go with the wheel as well."""
    source = ROOT / "src" / "fullcircle"
    wanted = {
        path.relative_to(source)
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {path for path in wanted if not (installed.package / path).is_file()} == set()


@pytest.mark.parametrize("name", ["credentials.yaml", "deep/credentials.json", "key.pem"])
def test_package_refuses_to_carry_a_secret(tmp_path: Path, name: str) -> None:
    """A file of conf/local that Kedro's archive would hold stops it, and is named."""
    for kept in (name, "parameters.yml", ".gitkeep"):
        path = tmp_path / "conf" / "local" / kept
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(ConfigurationError, match=rf"would carry \S+{name}: "):
        _refuse_secrets(tmp_path / "conf")
