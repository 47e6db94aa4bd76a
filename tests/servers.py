"""PostgreSQL and an MLflow server, started as docs/team-server.md tells a team to."""

import os
import pwd
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DATABASE_PASSWORD = "choose-" + secrets.token_hex(8)


class _Page:
    """The page, whose blocks are taken as a reader would copy them."""

    text = (Path(__file__).resolve().parents[1] / "docs" / "team-server.md").read_text("utf-8")

    def block(self, language: str, section: str, number: int = 0) -> str:
        """Give a block of code of a section."""
        after = self.text.split(f"\n## {section}\n")[1].split("\n## ")[0]
        found: list[str] = re.findall(rf"```{language}\n(.*?)```", after, re.DOTALL)
        return found[number]


PAGE = _Page()


@dataclass(frozen=True)
class Server:
    """A running MLflow server: its address, database, and the folder with all of its files."""

    address: str
    database: str
    folder: Path

    @property
    def artifacts(self) -> Path:
        return self.folder / "mlartifacts"


@contextmanager
def start_postgres() -> Iterator[int]:
    """Start PostgreSQL on a free port of the loopback with the page's databases; give the port."""
    import psycopg2

    programs, port = _find_programs(), _free_port()
    folder = Path(tempfile.mkdtemp(prefix="fullcircle-pg-"))
    as_user = _hand_over(folder)
    (folder / "first").write_text(DATABASE_PASSWORD, encoding="utf-8")
    (folder / "first").chmod(0o644)
    first = ["-U", "postgres", "-A", "scram-sha-256", "--pwfile", str(folder / "first")]
    try:
        subprocess.run(
            [
                programs / "initdb",
                *first,
                "--no-sync",
                "-E",
                "UTF8",
                "--no-locale",
                "-D",
                folder / "data",
            ],
            check=True,
            capture_output=True,
            **as_user,
        )
        options = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-c", "fsync=off"]
        command = [str(programs / "postgres"), "-D", str(folder / "data"), *options]

        def connect() -> Any:
            return psycopg2.connect(
                host="127.0.0.1", port=port, user="postgres", password=DATABASE_PASSWORD
            )

        with _running(command, folder / "log", connect, psycopg2.OperationalError, **as_user):
            _make_databases(connect())
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_databases(connection: Any) -> None:
    connection.autocommit = True
    statements = PAGE.block("sql", "Start it").replace("choose-one", DATABASE_PASSWORD)
    with connection.cursor() as cursor:
        for statement in filter(str.strip, statements.split(";")):
            cursor.execute(statement)
    connection.close()


@contextmanager
def start_mlflow(folder: Path, port: int, *, admin_password: str) -> Iterator[Server]:
    """Start the page's server in a folder, on the PostgreSQL at a port."""
    users = PAGE.block("ini", "Start it").replace(":5432/", f":{port}/")
    (folder / "users.ini").write_text(users, encoding="utf-8")
    own = _free_port()
    database = f"postgresql+psycopg2://mlflow@127.0.0.1:{port}/mlflow"
    assert database.replace(str(port), "5432") in PAGE.text
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        "PGPASSWORD": DATABASE_PASSWORD,
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "users.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": admin_password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(32),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    assert all(name in PAGE.text for name in list(environment)[-7:-1])
    told = PAGE.block("bash", "Start it", 1).replace("5000", str(own)).split()
    command = [sys.executable, "-m", *told, "--workers", "1"]
    server = Server(f"http://127.0.0.1:{own}", database, folder)

    def ask() -> Any:
        return urllib.request.urlopen(f"{server.address}/health", timeout=5)  # noqa: S310

    with _running(command, folder / "log", ask, OSError, env=environment, cwd=folder):
        yield server


def _find_programs() -> Path:
    """Give the folder of PostgreSQL's programs, which distributions keep outside PATH."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    pytest.skip("PostgreSQL's initdb and postgres are neither on PATH nor where Debian puts them")


def _hand_over(folder: Path) -> dict[str, Any]:
    """Let PostgreSQL, which refuses to run as root, run as another user who owns the folder."""
    if os.geteuid() != 0:
        return {"cwd": folder}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = known.get("postgres") or known["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"cwd": folder, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port: int = door.getsockname()[1]
        return port


@contextmanager
def _running(
    command: list[str],
    log: Path,
    ask: Callable[[], Any],
    not_yet: type[Exception],
    **how: Any,
) -> Iterator[None]:
    """Run a server for as long as the block lasts, from when it first answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, **how)
        try:
            _wait(ask, not_yet, process, log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(
    ask: Callable[[], Any], not_yet: type[Exception], process: subprocess.Popen[bytes], log: Path
) -> None:
    last = time.monotonic() + 180
    while time.monotonic() < last and process.poll() is None:
        try:
            ask().close()
        except not_yet:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"no answer from {process.args}:\n{log.read_text('utf-8')[-3000:]}")
