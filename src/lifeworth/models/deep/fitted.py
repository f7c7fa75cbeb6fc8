"""A fitted ensemble of networks that read histories."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.asof.split import History
from lifeworth.asof.summary import epoch_day
from lifeworth.models.core import Forecast, Parameter, fitted
from lifeworth.models.deep.blend import blended, lent_forecast, lent_value
from lifeworth.models.deep.conformal import widened
from lifeworth.models.deep.forecasting import Made, between, forecast_of
from lifeworth.models.deep.heads import Heads, means, span
from lifeworth.models.deep.inputs import CHANNELS, CLOCK, Encoder, Inputs, season_of
from lifeworth.models.deep.losses import LossName
from lifeworth.models.deep.members import heads_of, loaded
from lifeworth.models.deep.nets import HistoryNet, NetShape
from lifeworth.models.deep.reasons import (
    expected_value,
    frame_of,
    mean_of_base,
    parts,
    with_lender,
)


@fitted
class FittedNets:
    """An ensemble that has learnt from the earlier cut-offs of a History.

    Attributes
    ----------
    horizons
        Ends of the intervals it has learnt, in days.
    weights
        By name; the first axis is that of the members.
    factor
        What the value of each interval is multiplied by (`taught.factors`).
    passes
        Draws of dropout of the only network; 0 for an ensemble.
    blend
        Share of the futures that are the BG/NBD's own.
    widths
        What split-conformal calibration adds to both ends of the intervals of 90 % and of 50 %, on
        the log scale; empty for none.
    curves
        Loss by epoch, by what it is of.
    told
        What a user should know.
    """

    shape: NetShape
    encoder: Encoder
    horizons: tuple[int, ...]
    loss: LossName
    weights: dict[str, np.ndarray]
    factor: np.ndarray
    passes: int
    blend: float
    widths: np.ndarray
    draws: int
    seed: int
    curves: dict[str, np.ndarray]
    told: tuple[str, ...]

    def score(self, history: History, horizon: int) -> Forecast:
        """Forecast every customer of `history` over `horizon` days."""
        made = self.made(history)
        own = forecast_of(history, made, horizon, draws=self.draws, seed=self.seed)
        forecast = blended(own, self._lent(history, horizon), self.blend)
        return widened(forecast, self.widths, self.encoder.unit)

    def _lent(self, history: History, horizon: int) -> Forecast | None:
        """Return the BG/NBD's forecast, where it is a part of this one."""
        if not self.blend:
            return None
        return lent_forecast(self.encoder, history, horizon, self.draws, self.seed)

    def made(self, history: History) -> Made:
        """Return the heads of every customer of `history`; value in cents."""
        nets = list(loaded(self._net, self.weights))
        found = [
            (known, heads_of(nets, inputs, self.loss, self.passes, self.seed))
            for known, inputs in self.encoder.read(history)
        ]
        ids = np.concatenate([known for known, _ in found])
        columns = [list(column) for column in zip(*(heads for _, heads in found), strict=True)]
        found.clear()  # a column at a time, so that all are never there twice
        heads = Heads(*(np.concatenate(columns.pop(0), axis=1) for _ in Heads._fields))
        return Made(ids, self.in_cents(heads), self.horizons)

    def in_cents(self, heads: Heads) -> Heads:
        """Return heads whose value is in cents, returns taken off."""
        money = np.log(self.factor * self.encoder.unit).astype(np.float32)
        return heads._replace(loc=heads.loc + money)

    def explain(self, history: History, horizon: int) -> pd.DataFrame | None:
        """Return customer_id, base (the reference), and what each kind of input adds (cents).

        Exact Shapley values of the expected value (`reasons`). None where parts of the network are
        left out by chance.
        """
        if self.passes:
            return None
        nets, over = list(loaded(self._net, self.weights)), span(self.horizons, float(horizon))
        worth = expected_value(self.loss, self.factor * self.encoder.unit, over)
        season = season_of(epoch_day(history.cutoff) - 1.0)
        found = [
            frame_of(known, *parts(nets, inputs, self.encoder, season, worth))
            for known, inputs in self.encoder.read(history)
        ]
        frame = pd.concat(found, ignore_index=True)
        other = self._lent_value(history, horizon)
        if other is None:
            return frame
        return with_lender(frame, other, mean_of_base(self.encoder, over), self.blend)

    def epistemic(self, history: History, horizon: int) -> Float[np.ndarray, " customers"]:
        """Return the sd (cents) of the expected value between members, the BG/NBD among them."""
        told = between(self.made(history), horizon)
        return told.with_other(self._lent_value(history, horizon), self.blend)

    def _lent_value(self, history: History, horizon: int) -> Float[np.ndarray, " customers"] | None:
        """Return the value (cents) that the BG/NBD expects, where it is a part of this forecast."""
        return lent_value(self.encoder, history, horizon) if self.blend else None

    def newcomers(self, days: int, segments: dict[str, str] | None = None) -> pd.DataFrame:
        """Say what somebody without any history will do within `days`, known by segments alone.

        A column or level that is not known counts as the mix of all. The networks say it, without
        the BG/NBD.

        Returns
        -------
        pandas.DataFrame
            One row: days, expected_purchases, p_active, expected_value (cents), and
            value_sd_epistemic, by which the members differ.
        """
        nets = list(loaded(self._net, self.weights))
        heads = heads_of(nets, self._nobody(segments or {}), self.loss, self.passes, self.seed)
        over = span(self.horizons, float(days))
        found = means(self.in_cents(heads).rows(slice(None)), over)
        return pd.DataFrame(
            {
                "days": [days],
                "expected_purchases": found.purchases.mean(axis=0),
                "p_active": found.active.mean(axis=0),
                "expected_value": found.value.mean(axis=0),
                "value_sd_epistemic": found.value.std(axis=0),
            }
        )

    def parameters(self) -> list[Parameter]:
        """Return none: weights mean nothing one by one."""
        return []

    def log_likelihood(self) -> dict[str, float]:
        """Return none."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know about the training."""
        return self.told

    def _net(self) -> HistoryNet:
        return HistoryNet(self.shape)

    def _nobody(self, segments: dict[str, str]) -> Inputs:
        none = np.zeros(1, dtype=np.int64)
        wide, at = self.encoder.middle.copy(), len(self.encoder.columns)
        for column, levels in self.encoder.levels.items():
            if segments.get(column) in levels:
                wide[at : at + len(levels)] = [level == segments[column] for level in levels]
            at += len(levels)
        return Inputs(
            start=none,
            length=none,
            numbers=np.zeros((0, len(CHANNELS)), dtype=np.float32),
            kind=none[:0],
            category=none[:0],
            clock=np.zeros((1, len(CLOCK)), dtype=np.float32),
            wide=wide[None].astype(np.float32),
            base=self.encoder.nobody[None].astype(np.float32),
        )
