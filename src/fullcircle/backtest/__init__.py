"""Replay: all pipelines over history, in a place of its own.

It runs the nodes of the six pipelines over what was known at each window's clock, in memory; the
project's own tables, registry and tracking are not touched.
"""

from fullcircle.backtest.setup import BacktestRequest, open_backtest

__all__ = ["BacktestRequest", "open_backtest"]
