"""What libraries may not say while a command runs."""

import logging

import pytest

from fullcircle.log_config import quiet_libraries

viz = pytest.importorskip("kedro_viz.integrations.kedro.run_hooks")


def test_kedro_viz_warns_of_no_partial_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that runs part of the pipelines, such as promote, shows no warning of Kedro-Viz."""
    monkeypatch.setattr(viz.logger, "level", logging.NOTSET)
    viz.logger.manager._clear_cache()
    assert viz.logger.isEnabledFor(logging.WARNING)
    quiet_libraries()
    assert not viz.logger.isEnabledFor(logging.WARNING)
