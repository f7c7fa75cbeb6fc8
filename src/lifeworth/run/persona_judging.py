"""What is made of a store by personas: a fit, its judgement, refits over months, tables."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from lifeworth.asof.persona_features import RFM
from lifeworth.asof.split import Future, History
from lifeworth.asof.summary import outcomes
from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.persona_structure import artefact, jaccard_stability, null, structure
from lifeworth.evaluate.persona_use import Usefulness, usefulness
from lifeworth.evaluate.personas import Judgement, profiles
from lifeworth.models.membership import Membership
from lifeworth.models.personas.fit import Found, Plan, found
from lifeworth.models.personas.matching import migration, refit, refit_anew
from lifeworth.models.personas.space import CATEGORIES

STABILITY, PERMUTED = 20, 19
"""Bootstrap samples, and permuted data: 19 is the fewest with which p can be .05."""

Pairs = Sequence[tuple[History, Future]]


class Months(NamedTuple):
    """Refits over the cut-offs.

    Attributes
    ----------
    refits
        cutoff, personas (how many), changed (share of customers whose persona the refit alone
        changed), anew and anew_raw (the same of a fit that does not begin at the personas before:
        matched, and unmatched), happened (what the log says, in words).
    shares
        cutoff, persona_name, share of customers.
    moved
        As `matching.migration`, from the cut-off before the last to the last, in long form: before,
        after, customers.
    """

    refits: pd.DataFrame
    shares: pd.DataFrame
    moved: pd.DataFrame


class Judged(NamedTuple):
    """A fit and what was found about it."""

    fit: Found
    members: Membership
    judgement: Judgement
    profiles: pd.DataFrame


def judged(plan: Plan, pair: tuple[History, Future], seed: int, resampling: Resampling) -> Judged:
    """Find personas in a History and judge them, by the Future as well."""
    history, future = pair
    fit = found(plan, history, seed)
    members = fit.personas.score(history, future.horizon)
    labels = fit.clusters.labels
    judgement = Judgement(
        structure=structure(fit.z, fit.clusters),
        stability=jaccard_stability(fit.z, fit.clusters, STABILITY, seed),
        sizes=np.bincount(labels[labels >= 0]),
        artefact=artefact(columns_of(fit), labels),
        null=null(fit.z, fit.clusters, plan.find, PERMUTED, seed),
        usefulness=use_of(fit, members, future, resampling),
    )
    return Judged(fit, members, judgement, _profiles(fit, members, future, resampling))


def use_of(fit: Found, members: Membership, future: Future, resampling: Resampling) -> Usefulness:
    """Return what personas tell of the Future; high-value outliers are a group of their own."""
    group = members.frame["persona"].to_numpy() - members.frame["high_value"].to_numpy()
    rfm = fit.raw.frame[list(RFM)].to_numpy(dtype=np.float64)
    spend = outcomes(future)["value"].to_numpy(dtype=np.float64)
    return usefulness(group.astype(np.int64), rfm, spend, resampling)


def columns_of(fit: Found) -> pd.DataFrame:
    """Return what personas are made of, and recency, frequency and money, before scaling."""
    own = fit.personas.space.columns(fit.raw)
    rest = [name for name in RFM if name not in own]
    known = pd.concat([own, fit.raw.frame[rest]], axis=1)
    counts = fit.raw.counts
    if counts is None or CATEGORIES not in fit.personas.space.features:
        return known
    lines = counts.to_numpy(dtype=np.float64)
    shares = lines / np.maximum(lines.sum(axis=1, keepdims=True), 1.0)
    for name, share in zip(counts.columns, shares.T, strict=True):
        known[f"share of {name}"] = share
    first = np.bincount(shares.argmax(axis=1), minlength=shares.shape[1])
    place = np.argsort(np.argsort(-first, kind="stable"), kind="stable")
    return known.assign(**{"most bought category": place[shares.argmax(axis=1)]})


def over_time(plan: Plan, pairs: Pairs, seed: int) -> Months | None:
    """Fit at the first cut-off and again at every other one; None where there is one cut-off.

    The `plan` should make the choices of the fit that is judged: a policy that chose anew every
    month would tell of its moods.
    """
    if len(pairs) < 2:
        return None
    first = pairs[0][0]
    personas = found(plan, first, seed).personas
    before = personas.score(first, 1).frame
    refits, shares = [], [_shares(first, before)]
    moved = pd.DataFrame()
    for history, _ in pairs[1:]:
        anew = refit_anew(plan, personas, history, seed)
        again = refit(plan, personas, history, seed)
        personas = again.personas
        after = personas.score(history, 1).frame
        moved = migration(before, after)
        before = after
        shares.append(_shares(history, after))
        refits.append(
            {
                "cutoff": history.cutoff,
                "personas": len(personas.ids),
                "changed": again.changed,
                "anew": anew.changed,
                "anew_raw": anew.changed_raw,
                "happened": _words(again.log),
            }
        )
    long = moved.stack().rename("customers").reset_index()
    return Months(pd.DataFrame(refits), pd.concat(shares, ignore_index=True), long)


def snake(fit: Found, members: Membership) -> pd.DataFrame:
    """Return by persona_name and column the mean rank of its customers, 0 to 1.

    Of recency the latest is highest.
    """
    columns = columns_of(fit)
    ranks = pd.DataFrame((rankdata(columns, axis=0) - 0.5) / len(columns), columns=columns.columns)
    ranks["recency_days"] = 1.0 - ranks["recency_days"]
    wide = ranks.groupby(members.frame["persona_name"].to_numpy()).mean()
    return wide.rename_axis("persona_name").reset_index().melt("persona_name", var_name="column",
                                                               value_name="rank")  # fmt: skip


def customers(fit: Found, members: Membership) -> pd.DataFrame:
    """Return customer_id, persona_name, recency, frequency and money of every customer."""
    rfm = fit.raw.frame[["customer_id", *RFM]]
    return rfm.assign(persona_name=members.frame["persona_name"].to_numpy())


def flat(use: Usefulness) -> dict[str, float]:
    """Return the measures of usefulness as columns, intervals as _low and _high."""
    told: dict[str, Any] = vars(use)
    plain = {n: float(v) for n, v in told.items() if not n.endswith("_interval")}
    for name, ends in ((n, v) for n, v in told.items() if n.endswith("_interval")):
        stem = name.removesuffix("_interval")
        plain |= {f"{stem}_low": float(ends.low), f"{stem}_high": float(ends.high)}
    return plain


def _profiles(
    fit: Found, members: Membership, future: Future, resampling: Resampling
) -> pd.DataFrame:
    """Return the profiles, with what customers did in the horizon."""
    after = outcomes(future)
    extra = {
        "mean_order_cents": fit.raw.frame["mean_order_cents"].to_numpy(),
        "bought_next": (after["purchases"] > 0).astype(float).to_numpy(),
        "value_next_cents": after["value"].to_numpy(),
    }
    columns = pd.concat([columns_of(fit), pd.DataFrame(extra)], axis=1)
    return profiles(members.frame["persona_name"], columns, resampling)


def _shares(history: History, frame: pd.DataFrame) -> pd.DataFrame:
    share = frame["persona_name"].value_counts(normalize=True)
    return (
        share.rename("share")
        .rename_axis("persona_name")
        .reset_index()
        .assign(cutoff=history.cutoff)
    )


def _words(log: pd.DataFrame) -> str:
    """Say what a refit did to the personas."""
    counts = log["what"].value_counts()
    told = [f"{counts[what]} {what}" for what in ("kept", "new", "gone") if what in counts]
    for what, of in (("split", "old"), ("merge", "new")):
        rows = log[log["what"] == what]
        if len(rows):
            told.append(f"{rows[of].nunique()} {what}")
    return ", ".join(told)
