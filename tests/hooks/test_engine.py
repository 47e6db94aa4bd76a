"""What the hook of the engine does when a run is broken off."""

import threading
import time

import duckdb
from kedro.framework.hooks.specs import PipelineSpecs
from pluggy import PluginManager

from fullcircle.engines.engine import get_embedded
from fullcircle.hooks import EngineHook

ENDLESS = "select sum(a.range * b.range) from range(9000000) a, range(9000000) b"


def tell_hook(error: Exception) -> None:
    """Say, as Kedro says it, that a pipeline ended with an error."""
    manager = PluginManager("kedro")
    manager.add_hookspecs(PipelineSpecs)
    manager.register(EngineHook())
    manager.hook.on_pipeline_error(error=error, run_params={}, pipeline=None, catalog=None)


def test_ctrl_c_leaves_no_query_behind() -> None:
    """What the engine was at when Ctrl-C came is ended, by that alone, and the next is answered."""
    connection = get_embedded().connection.con
    ended: list[Exception] = []

    def work() -> None:
        try:
            connection.sql(ENDLESS).fetchall()
        except duckdb.Error as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    tell_hook(ValueError("a column is missing"))
    thread.join(0.5)
    assert thread.is_alive()
    last = time.monotonic() + 60
    while thread.is_alive() and time.monotonic() < last:
        tell_hook(RuntimeError("Query interrupted"))
        thread.join(0.1)
    assert isinstance(ended[0], duckdb.InterruptException)
    assert connection.sql("select 1").fetchall() == [(1,)]
