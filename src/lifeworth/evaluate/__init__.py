"""Scores against the Future: measures, calibration, intervals, the scorecard and backtests."""

from lifeworth.evaluate.backtest import backtest, summarise
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.scorecard import evaluate

__all__ = ["Resampling", "backtest", "evaluate", "summarise"]
