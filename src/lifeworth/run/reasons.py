"""Why customers are worth what they are, for scores and report: from models that can say so."""

from dataclasses import dataclass, replace

import ibis
import numpy as np
import pandas as pd
from ibis import _

from lifeworth.asof.split import History
from lifeworth.asof.summary import outcomes
from lifeworth.decide.tiers import TIERS
from lifeworth.models.core import Explains
from lifeworth.run.judging import Judged, Scored
from lifeworth.tables.campaign import CONTROL

MOST = 3
"""Reasons that are named for each customer."""

REASONS = tuple(f"reason_{place}" for place in range(1, MOST + 1))

IN_CENTS = (
    *("value_sd_aleatoric", "value_sd_epistemic", "value_base"),
    *(f"{reason}_value" for reason in REASONS),
)
"""Columns of scores that are money."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a model says of its own forecast.

    Attributes
    ----------
    scores
        The columns of IN_CENTS (cents) and REASONS (text, "" where there are fewer) that it can
        fill, in the rows of the forecast.
    explanations
        customer_id, base, and what each kind of input adds (cents); None where it cannot say.
    """

    scores: pd.DataFrame
    explanations: pd.DataFrame | None


def told(final: Scored) -> Told:
    """Ask a model for reasons and for what it does not know; one that cannot tell says nothing."""
    frame, fitted = final.forecast.frame, final.fitted
    if not isinstance(fitted, Explains):
        return Told(scores=pd.DataFrame(index=frame.index), explanations=None)
    horizon = int(frame["horizon_days"].iloc[0])
    whole = frame["value_sd"].to_numpy()
    between = np.minimum(fitted.epistemic(final.history, horizon), whole)
    left = np.sqrt(whole**2 - between**2)
    doubts = pd.DataFrame({"value_sd_aleatoric": left, "value_sd_epistemic": between})
    explained = fitted.explain(final.history, horizon)
    if explained is None:
        return Told(scores=doubts, explanations=None)
    return Told(scores=pd.concat([doubts, foremost(explained)], axis=1), explanations=explained)


def foremost(explained: pd.DataFrame) -> pd.DataFrame:
    """Return value_base and the reasons that weigh most, with their money, up or down."""
    kinds = explained.columns.drop(["customer_id", "base"])
    added = explained[kinds].to_numpy(np.float64)
    order = np.argsort(-np.abs(added), axis=1, kind="stable")[:, :MOST]
    columns: dict[str, np.ndarray] = {"value_base": explained["base"].to_numpy()}
    rows = np.arange(len(added))
    for place, reason in enumerate(REASONS):
        there = place < order.shape[1]
        which = order[:, place] if there else order[:, 0]
        money = added[rows, which] * there
        columns[reason] = np.where(money == 0.0, "", kinds.to_numpy(dtype=object)[which])
        columns[f"{reason}_value"] = money
    return pd.DataFrame(columns)


def by_tier(explained: pd.DataFrame | None, tier: pd.Series) -> pd.DataFrame | None:
    """Return what each kind of input adds to a customer of each tier, on average.

    tier, customers, kind ("base" first), mean, mean_absolute (cents).
    """
    if explained is None:
        return None
    kinds = explained.columns.drop("customer_id")
    parts = []
    for name in TIERS:
        rows = explained.loc[(tier.astype("str") == name).to_numpy(), kinds]
        if rows.empty:
            continue
        told = {"tier": name, "customers": len(rows), "kind": list(kinds)}
        means = {"mean": rows.mean().to_numpy(), "mean_absolute": rows.abs().mean().to_numpy()}
        parts.append(pd.DataFrame(told | means))
    return pd.concat(parts, ignore_index=True)


def treated(judged: Judged) -> pd.DataFrame | None:
    """Return the forecast of treated customers with and without what they were given.

    arm, customers, with_treatment, without_treatment, actual: means of value (cents). None where
    nobody was treated, or the model (one that is no `Explains`) reads no treatments.
    """
    scored, history = judged.scored, judged.scored.history
    arms = _arms(history)
    if arms is None or not isinstance(scored.fitted, Explains):
        return None
    frame = scored.forecast.frame[["customer_id", "expected_value"]]
    without = scored.fitted.score(_untreated(history), judged.future.horizon).frame
    both = frame.assign(without=without["expected_value"].to_numpy())
    known = arms.merge(both, on="customer_id").merge(outcomes(judged.future), on="customer_id")
    means = known.groupby("arm", as_index=False).agg(
        customers=("customer_id", "count"),
        with_treatment=("expected_value", "mean"),
        without_treatment=("without", "mean"),
        actual=("value", "mean"),
    )
    return means if len(means) else None


def _arms(history: History) -> pd.DataFrame | None:
    """Return customer_id and arm of everything that was given before the cut-off."""
    given = history.tables.treatments
    if given is None:
        return None
    arms = given.filter(_.arm != CONTROL).select("customer_id", "arm").distinct()
    found = arms.semi_join(history.customers(), "customer_id").to_pandas()
    return found if len(found) else None


def _untreated(history: History) -> History:
    """Return the history as if all had been in the control group, or had not been asked."""
    given = history.tables.treatments
    if given is None:
        return history
    has_control = bool((given.arm == CONTROL).any().execute())
    controlled = given.mutate(arm=ibis.literal(CONTROL))
    instead = controlled if has_control else given.filter(_.arm == CONTROL)
    return replace(history, tables=replace(history.tables, treatments=instead))
