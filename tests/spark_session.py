"""The one Spark session of a test process, and the warnings that PySpark gives."""

import gc
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    # Compiling is for long queries; these are short.
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.driver.memory": "1g",
    "spark.log.level": "ERROR",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@contextmanager
def open_sockets() -> Iterator[None]:
    """Let PySpark leave its sockets to the garbage collector, and collect them here.

    What was there before is not looked through.
    """
    gc.freeze()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            yield
            gc.collect()
    finally:
        gc.unfreeze()


def open_session() -> Any:
    """Start Spark, or give the session that is open in this process; skip where there is no Java.

    It is left open for the next file of tests; Spark ends with the process.
    """
    if not shutil.which("java"):
        pytest.skip("Spark needs Java, and there is no java on the path")
    session_type = pytest.importorskip("pyspark.sql", reason="pyspark is not installed")
    builder = session_type.SparkSession.builder.master("local[2]").appName("fullcircle-tests")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
