"""What the hook of the engine does when a run is broken off."""

import threading
import time

import duckdb

from fullcircle.datasets.engine import get_embedded
from fullcircle.hooks import EngineHook

ENDLESS = "select sum(a.range * b.range) from range(9000000) a, range(9000000) b"


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
    EngineHook().on_pipeline_error(error=ValueError("a column is missing"))
    thread.join(0.5)
    assert thread.is_alive()
    last = time.monotonic() + 60
    while thread.is_alive() and time.monotonic() < last:
        EngineHook().on_pipeline_error(error=RuntimeError("Query interrupted"))
        thread.join(0.1)
    assert isinstance(ended[0], duckdb.InterruptException)
    assert connection.sql("select 1").fetchall() == [(1,)]
