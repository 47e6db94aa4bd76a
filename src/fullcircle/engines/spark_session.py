"""Starting Spark, and saying in one line why it does not start."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from os import environ
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError

from fullcircle.core.contract import Settings
from fullcircle.core.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
_PATIENCE_SECONDS = 5
_VARIABLE = "FULLCIRCLE_SPARK"
_FORMS = re.compile(
    r"local(\[(\d+|\*)(,\d+)?\])?|local-cluster\[\d+,\d+,\d+\]|spark://[^/:,]+:\d+(,[^/:,]+:\d+)*"
    r"|sc://[^/]+.*|yarn|k8s://.+"
)

# Rows must not depend on how a session was set up before it became ours.
NEEDED = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.session.timeZone": "UTC",
}


class SparkOptions(Settings):
    """How Spark is reached: what ``conf/base/spark.yml`` says.

    Attributes:
        master: ``local[2]``, ``spark://host:port``, ``yarn``, ``k8s://…`` or ``sc://host:port``.
        folder: Where results lie on their way to the driver. Driver and executors must both see it.
        delta: Whether Spark itself reads Delta tables; None for what ``spark.sql.extensions`` says.
        settings: Spark's own settings, by name.
    """

    master: str
    folder: Path
    delta: bool | None = None
    settings: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @property
    def as_text(self) -> dict[str, str]:
        """Spark's settings as Spark reads them."""
        return {
            name: str(value).lower() if isinstance(value, bool) else str(value)
            for name, value in self.settings.items()
        }


def read_options(options: Mapping[str, Any]) -> SparkOptions:
    """Check what the configuration says of Spark.

    Raises:
        ConfigurationError: A key is unknown, missing or is not valid.
    """
    try:
        return SparkOptions.model_validate(options)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"spark.yml: {place}: {first['msg']}.") from error


def open_session(options: SparkOptions, log: Path) -> tuple["SparkSession", bool]:
    """Give the session that is open in this process already, or start one.

    Args:
        options: What the configuration says.
        log: File for what Spark has to tell; it goes to no terminal.

    Returns:
        The session, and whether it was started here and so is ours to stop.

    Raises:
        ConfigurationError: PySpark or Java is missing, or the address is none.
        StorageError: Nobody answers at the address, or Spark does not start there.
    """
    _require_pyspark()
    session = _find_open()
    if ours := session is None:
        _require_address(options.master)
        session = _start(options, log)
    for name, value in NEEDED.items():
        session.conf.set(name, value)
    return session, ours


def _find_open() -> "SparkSession | None":
    """Give the session that a platform or a notebook has opened in this process."""
    from pyspark.errors import PySparkRuntimeError
    from pyspark.sql import SparkSession

    try:
        return SparkSession.active()
    except PySparkRuntimeError:
        return None


def _require_pyspark() -> None:
    if find_spec("pyspark") is None:
        raise ConfigurationError(
            "ENGINE=spark needs a package more: pip install -e '.[spark]'. "
            "Or leave ENGINE unset, for DuckDB."
        )


def _require_address(master: str) -> None:
    if not _FORMS.fullmatch(master):
        raise ConfigurationError(
            f"{_VARIABLE}={master!r} is no address of Spark. Write local[2], spark://host:port, "
            "yarn, k8s://… or sc://host:port."
        )
    if not master.startswith("sc://"):
        _require_java()
    if master.startswith(("spark://", "sc://")):
        hosts = master.partition("://")[2].split(";")[0].rstrip("/").split(",")
        if not any(_answers(host) for host in hosts):
            raise StorageError(
                f"No Spark answers at {master}. Start it, or correct {_VARIABLE}; unset, it means "
                "a Spark within this machine."
            )


def _answers(host: str) -> bool:
    """Ask once; Spark itself would ask for a minute."""
    parts = urlsplit(f"//{host}")
    try:
        with socket.create_connection((parts.hostname, parts.port or 15002), _PATIENCE_SECONDS):
            return True
    except (OSError, ValueError):
        return False


def _require_java() -> None:
    """Look for the Java that Spark's own scripts would take."""
    home = environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or shutil.which(java) is None:
        place = f"JAVA_HOME is {home!r}, which has no bin/java" if home else "none is on the PATH"
        raise ConfigurationError(
            f"Spark needs Java {OLDEST_JAVA} or newer, and {place}. Install one, or set JAVA_HOME."
        )
    asked = subprocess.run(  # noqa: S603 - the Java that was found
        [java, "-version"], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    found = re.search(r'version "(?:1\.)?(\d+)', asked.stderr)
    if found is None or int(found[1]) < OLDEST_JAVA:
        said = (asked.stderr.strip().splitlines() or ["nothing"])[0]
        raise ConfigurationError(
            f"Spark needs Java {OLDEST_JAVA} or newer; {java} says: {said}. Set JAVA_HOME."
        )


def _start(options: SparkOptions, log: Path) -> "SparkSession":
    """Start Spark, its log in a file.

    Raises:
        StorageError: It does not start; gives Spark's own reason.
    """
    from pyspark.sql import SparkSession

    remote = options.master.startswith("sc://")
    builder = SparkSession.builder.appName("fullcircle")
    try:
        if remote:
            builder = builder.remote(options.master)
        else:
            _start_java(options, log)
        for name, value in options.as_text.items():
            builder = builder.config(name, value)
        return builder.getOrCreate()
    except Exception as error:
        raise StorageError(
            f"Spark does not start at {options.master}: {_find_reason(error, log)}"
        ) from error


def _start_java(options: SparkOptions, log: Path) -> None:
    """Start the context before a session asks for one: only here its output can be led away."""
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway

    conf = SparkConf().setMaster(options.master).setAppName("fullcircle")
    conf.setAll(list(options.as_text.items()))
    with log.open("ab") as told:
        launch: Any = launch_gateway
        gateway = SparkContext._gateway or launch(conf, {"stderr": told, "stdout": told})
    context = SparkContext(conf=conf, gateway=gateway)
    if options.master.startswith("local"):
        context.pythonExec = sys.executable  # else whichever python3 comes first in the PATH


def _find_reason(error: Exception, log: Path) -> str:
    """Find the line that means most: what Java threw, or the last word of its log."""
    thrown = getattr(error, "java_exception", None)
    if thrown is not None:
        return str(thrown.getMessage()).strip().splitlines()[0]
    told = log.read_text("utf-8", errors="replace").splitlines() if log.is_file() else []
    said = [line.strip() for line in told if re.search(r"exception|error", line, re.IGNORECASE)]
    return (said or [str(error).strip() or type(error).__name__])[0].splitlines()[0]
