"""Early warnings against what came after, beside a calibrated model that ranks everybody.

What is warned of: a customer does not buy in the horizon. Silence is not yet loss, and a store in
which half of the customers are silent in any three months makes most flags look right: lift, the
precision over that base, is what a flag adds.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float
from scipy import stats

from lifeworth.asof.features import features
from lifeworth.asof.split import Future, History
from lifeworth.asof.summary import outcomes
from lifeworth.asof.triggers import PARTIAL
from lifeworth.evaluate.errors import UndefinedError, auc
from lifeworth.tables.errors import InputError

LEVEL = 0.90
"""Of intervals."""

FEWEST = 50
"""Customers of either kind without whom no model is trained."""


class Judged(NamedTuple):
    """Triggers at a cut-off against the Future, and the model beside them.

    Attributes
    ----------
    table
        trigger, flagged, share (of customers), precision (of the flagged, who stayed silent), low,
        high (90 % interval of precision, Wilson 1927), recall (of the silent, who were flagged),
        lift (precision / base), own_base and own_lift (the same among those who could be flagged
        at all: a drop of frequency needs a baseline), model_precision (of as many customers whom
        the model puts first; NaN without a model). A trigger that flags nobody has no precision and
        no lift.
    base
        Share of customers who stayed silent.
    customers, horizon
        How many, and days.
    auc
        Of the model, out of time; NaN without a model.
    brier
        Its mean squared error, and that of the base for everybody.
    """

    table: pd.DataFrame
    base: float
    customers: int
    horizon: int
    auc: float
    brier: tuple[float, float]


def silent(future: Future) -> Bool[np.ndarray, " customers"]:
    """Say who did not buy in the horizon, customers sorted by customer_id."""
    return (outcomes(future)["purchases"] == 0).to_numpy(dtype=bool)


def judged(
    flags: pd.DataFrame,
    names: Sequence[str],
    future: Future,
    chance: Float[np.ndarray, " customers"] | None = None,
) -> Judged:
    """Set triggers against what came after.

    Parameters
    ----------
    flags
        Of the customers of `future`, sorted by customer_id: a column of yes or no per trigger.
    names
        Of the triggers.
    chance
        What a model says of each customer's silence; None: no model.
    """
    quiet = silent(future)
    rows = [_row(name, flags, quiet, chance) for name in names]
    return Judged(
        table=pd.DataFrame(rows),
        base=float(quiet.mean()),
        customers=len(quiet),
        horizon=future.horizon,
        auc=np.nan if chance is None else _auc(quiet, chance),
        brier=_brier(quiet, chance),
    )


def learnt(history: History, future: Future, seed: int) -> Any:
    """Return a calibrated model of silence, learnt at an earlier cut-off.

    Boosted trees on the features of `asof.features`, calibrated by isotonic regression on five
    folds (Zadrozny and Elkan 2002; scikit-learn's CalibratedClassifierCV).

    Raises
    ------
    InputError
        If scikit-learn is not installed, or too few customers bought or stayed silent.
    """
    try:
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise InputError(
            "triggers: the model beside them needs scikit-learn, which is not installed; "
            "pip install 'lifeworth[uplift]'"
        ) from error
    quiet = silent(future)
    fewest = int(min(quiet.sum(), (~quiet).sum()))
    if fewest < FEWEST:
        raise InputError(
            f"triggers: at {history.cutoff} {quiet.sum():,} of {len(quiet):,} customers stayed "
            f"silent for {future.horizon} days; a model takes {FEWEST} of either kind"
        )
    trees = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.04, max_leaf_nodes=8, min_samples_leaf=40,
        l2_regularization=1.0, random_state=seed,
    )  # fmt: skip
    return CalibratedClassifierCV(trees, method="isotonic", cv=5).fit(_columns(history), quiet)


def chances(model: Any, history: History) -> Float[np.ndarray, " customers"]:
    """Return each customer's chance of silence, customers sorted by customer_id."""
    return np.asarray(model.predict_proba(_columns(history))[:, 1], dtype=np.float64)


def _columns(history: History) -> Float[np.ndarray, "customers columns"]:
    return features(history).drop(columns="customer_id").to_numpy(dtype=np.float64)


def _row(
    name: str,
    flags: pd.DataFrame,
    quiet: Bool[np.ndarray, " customers"],
    chance: Float[np.ndarray, " customers"] | None,
) -> dict[str, object]:
    flag = flags[name].to_numpy(dtype=bool)
    flagged, right = int(flag.sum()), int((flag & quiet).sum())
    able = flags[PARTIAL.get(name, "customer_id")].notna().to_numpy(dtype=bool)
    own_base = float(quiet[able].mean()) if able.any() else np.nan
    low, high = _wilson(right, flagged)
    precision = right / flagged if flagged else np.nan
    return {
        "trigger": name,
        "flagged": flagged,
        "share": flagged / len(flag),
        "precision": precision,
        "low": low,
        "high": high,
        "recall": right / quiet.sum() if quiet.any() else np.nan,
        "lift": precision / quiet.mean() if quiet.any() else np.nan,
        "own_base": own_base,
        "own_lift": precision / own_base if own_base > 0 else np.nan,
        "model_precision": np.nan if chance is None else _first(chance, quiet, flagged),
    }


def _first(
    chance: Float[np.ndarray, " customers"], quiet: Bool[np.ndarray, " customers"], count: int
) -> float:
    """Return the share of the silent among the `count` whom the model puts first."""
    if count == 0:
        return float("nan")
    return float(quiet[np.argsort(-chance, kind="stable")[:count]].mean())


def _wilson(right: int, of: int) -> tuple[float, float]:
    if of == 0:
        return float("nan"), float("nan")
    z = float(stats.norm.ppf((1 + LEVEL) / 2))
    middle, spread = right + z**2 / 2, z * np.sqrt(right * (of - right) / of + z**2 / 4)
    return float((middle - spread) / (of + z**2)), float((middle + spread) / (of + z**2))


def _auc(quiet: Bool[np.ndarray, " customers"], chance: Float[np.ndarray, " customers"]) -> float:
    try:
        return auc(quiet.astype(np.float64), chance)
    except UndefinedError:
        return float("nan")


def _brier(
    quiet: Bool[np.ndarray, " customers"], chance: Float[np.ndarray, " customers"] | None
) -> tuple[float, float]:
    base = float(quiet.mean())
    own = float("nan") if chance is None else float(((chance - quiet) ** 2).mean())
    return own, base * (1 - base)
