"""May personas be used: only if they are there, stay there, and tell something of the Future."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.evaluate.bootstrap import Interval, Resampling, intervals
from lifeworth.evaluate.persona_structure import Artefact, Null, Structure
from lifeworth.evaluate.persona_use import Usefulness

Customers = Float[np.ndarray, " customers"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What personas must reach.

    Attributes
    ----------
    fewest
        Personas.
    noise
        Largest share of customers in none.
    silhouette
        Must be above it.
    stability, dissolved
        Of the mean Jaccard similarity over bootstrap samples: the least mean of all customers'
        clusters, and the least of any cluster (Hennig 2007: stable, and dissolved).
    artefact
        Largest adjusted Rand index with any single column that was cut.
    null
        Largest share of permuted data that do as well.
    changed
        Of a refit: the largest share of customers whose persona it alone changes. Beyond it
        `unsteady` warns; the gate judges one fit.
    """

    fewest: int = 3
    noise: float = 0.2
    silhouette: float = 0.05
    stability: float = 0.75
    dissolved: float = 0.5
    artefact: float = 0.8
    null: float = 0.05
    changed: float = 0.15


LIMITS = Limits()

LEGACY = {"relative validity": 0.03, "persistence sum": 1.0, "silhouette": 0.05}
"""What the documented gate asks for; it calls the first DBCV and the second stability."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Everything that is known of personas; `stability` by persona, `sizes` their customers."""

    structure: Structure
    stability: Float[np.ndarray, " personas"]
    sizes: Int[np.ndarray, " personas"]
    artefact: Artefact
    null: Null
    usefulness: Usefulness

    @property
    def mean_stability(self) -> float:
        """Return the mean Jaccard similarity of a customer's cluster."""
        return float(np.average(self.stability, weights=self.sizes))


class Verdict(NamedTuple):
    """Whether personas pass, and why not, one reason each; the sentence is for a reader."""

    passed: bool
    reasons: tuple[str, ...]
    sentence: str


def legacy_gate(of: Structure) -> Verdict:
    """Return what the documented gate says: validity, noise, persistence and silhouette alone.

    Kept so that its verdicts can be reproduced; customers without any structure pass it.
    """
    seen = {
        "relative validity": of.relative_validity,
        "persistence sum": of.persistence_sum,
        "silhouette": of.silhouette,
    }
    absent = [f"these clusters have no {name}" for name in seen if math.isnan(seen[name])]
    low = [f"{n} {seen[n]:.3g} is not above {LEGACY[n]:g}" for n in seen if seen[n] <= LEGACY[n]]
    reasons = absent + low
    if not of.noise_share < LIMITS.noise:
        reasons.append(f"noise {of.noise_share:.1%} is not below {LIMITS.noise:.0%}")
    return _verdict(reasons, "Passes the documented gate", "Fails the documented gate")


def gate(of: Judgement, limits: Limits = LIMITS) -> Verdict:
    """Return whether personas may be used.

    They are there (enough of them, little noise, silhouette; where the columns are permuted there
    is less), are no single column in disguise, are found again in bootstrap samples, and tell of
    the Future more than a score of R, F and M cut into as many parts, and as much as quintiles of
    these or something that they do not tell.
    """
    reasons = [*_shape(of, limits), *_fooled(of, limits), *_useless(of.usefulness)]
    return _verdict(reasons, _praise(of), "Do not use these personas")


def unsteady(changed: pd.Series, limits: Limits = LIMITS) -> str | None:
    """Return a warning where refits move customers, by cut-off; None where they do not."""
    bad = [f"{of:.1%} at {cutoff}" for cutoff, of in changed.items() if of > limits.changed]
    if not bad:
        return None
    told = ", ".join(bad)
    return (
        f"A refit alone changed the persona of more than {limits.changed:.0%} of customers "
        f"({told}; {changed.mean():.1%} on average over {len(changed)}): before campaigns follow a "
        "move between personas, look at what happened there."
    )


def _shape(of: Judgement, limits: Limits) -> list[str]:
    seen, worst = of.structure, int(of.stability.argmin())
    told = {
        f"there are only {seen.personas} of them": seen.personas < limits.fewest,
        f"{seen.noise_share:.1%} of customers are in none": seen.noise_share > limits.noise,
        f"their silhouette is {seen.silhouette:.3f}": not seen.silhouette > limits.silhouette,
        f"persona {worst} dissolves when customers are resampled (Jaccard "
        f"{of.stability[worst]:.2f})": of.stability[worst] < limits.dissolved,
        f"resampled customers give other personas (mean Jaccard {of.mean_stability:.2f})": (
            of.mean_stability < limits.stability
        ),
    }
    return [reason for reason, holds in told.items() if holds]


def _fooled(of: Judgement, limits: Limits) -> list[str]:
    one = of.artefact
    told = {
        f"they are the column {one.column} in disguise ({one.cut}: adjusted Rand index "
        f"{one.adjusted_rand:.3f})": one.adjusted_rand > limits.artefact,
        "customers whose columns are permuted, and have nothing in common, do as well in "
        f"{of.null.p_value:.0%} of cases": of.null.p_value > limits.null,
    }
    return [reason for reason, holds in told.items() if holds]


def _useless(of: Usefulness) -> list[str]:
    told = {
        f"they tell {of.eta_squared_unseen:.1%} of the variance of unseen log spend, and an RFM "
        f"score cut into as many parts {of.score_eta_squared:.1%}": (
            of.eta_squared_unseen < of.score_eta_squared
        ),
        f"quintiles of R, F and M tell more ({of.rfm_eta_squared:.1%}), and gain "
        f"{of.incremental:+.3f} by them, not surely above 0": (
            of.over_rfm_interval.high < 0 and of.incremental_interval.low <= 0
        ),
    }
    return [reason for reason, holds in told.items() if holds]


def _praise(of: Judgement) -> str:
    use = of.usefulness
    told = (
        f"Use these personas: they are found again when customers are resampled (mean Jaccard "
        f"{of.mean_stability:.2f}) and tell {use.eta_squared_unseen:.1%} of the variance of unseen "
        f"log spend, {use.incremental:+.3f} beside quintiles of R, F and M"
    )
    cloud = math.isnan(of.structure.dbcv) or of.structure.dbcv < 0
    return f"{told}; no gap lies between them, they are parts of one cloud" if cloud else told


def _verdict(reasons: list[str], good: str, bad: str) -> Verdict:
    sentence = f"{bad}: {'; '.join(reasons)}." if reasons else f"{good}."
    return Verdict(not reasons, tuple(reasons), sentence)


def profiles(names: pd.Series, columns: pd.DataFrame, resampling: Resampling) -> pd.DataFrame:
    """Return what the customers of each persona are like.

    Parameters
    ----------
    names
        Persona of each customer.
    columns
        Numbers of each customer; monetary_cents among them.

    Returns
    -------
    pandas.DataFrame
        One row per persona, the most valuable first: persona_name, customers, share (of customers),
        value_share (of monetary_cents; NaN where they add up to nothing or less), and for each
        column <column>, <column>_low, <column>_high: mean, and its interval over resampled
        customers; equal where a single customer is.
    """
    group, order = names.factorize()
    worth = columns["monetary_cents"].to_numpy(dtype=float)
    sizes = np.bincount(group)
    sums = np.bincount(group, weights=worth)
    rows = pd.DataFrame(
        {
            "persona_name": order,
            "customers": sizes,
            "share": sizes / sizes.sum(),
            "value_share": sums / sums.sum() if sums.sum() > 0 else np.nan,
        }
    )
    for number in range(len(order)):
        own = columns.iloc[np.flatnonzero(group == number)]
        ends = _mean_intervals(own, resampling)
        for column in columns:
            place = [f"{column}", f"{column}_low", f"{column}_high"]
            rows.loc[number, place] = [own[column].mean(), *ends[str(column)]]
    richest = np.argsort(-sums / sizes, kind="stable")
    return rows.iloc[richest].reset_index(drop=True)


def _mean_intervals(own: pd.DataFrame, resampling: Resampling) -> dict[str, Interval]:
    values = own.to_numpy(dtype=float)

    def means(weight: Customers) -> dict[str, float]:
        return dict(zip(map(str, own.columns), weight @ values / weight.sum(), strict=True))

    return intervals(means, len(own), resampling)
