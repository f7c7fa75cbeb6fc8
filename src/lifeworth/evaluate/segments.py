"""Is a forecast right in every segment of customers: the measures of the scorecard by level."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Bool
from scipy import stats

from lifeworth.evaluate import errors
from lifeworth.evaluate.calibration import pit_distance, pit_histogram
from lifeworth.evaluate.predictive import Predictive
from lifeworth.evaluate.scorecard import Side, Standing
from lifeworth.tables.errors import InputError

FEWEST = 20
"""Customers of the smallest level that is judged by itself."""

MOST = 12
"""Levels of a column that are judged by themselves, at most."""

OTHERS = "(others)"
"""The level in which the small ones are gathered."""

SIDES = ("purchases", "value")

MEASURES = (
    *("actual", "expected", "bias", "rmse", "crps", "coverage_50"),
    *("coverage_90", "coverage_90_low", "coverage_90_high", "pit_distance"),
)

COLUMNS = ("column", "level", "customers", *(f"{s}_{m}" for s in SIDES for m in MEASURES))
"""Columns of a segment table."""

CARD = [f"{s}_{m}" for s in SIDES for m in ("coverage_90", "crps", "pit_distance", "bias")]
"""Measures of a segment table that go into the scorecard."""

LONGEST = 80
"""Characters of a column or level inside the name of a metric; MLflow takes 250 in all."""


def segment_table(standing: Standing, labels: pd.DataFrame) -> pd.DataFrame:
    """Return a forecast's measures by segment; money is in cents.

    Parameters
    ----------
    forecast
        Of every customer known at the cut-off.
    actual
        customer_id, purchases, value (cents): one row for each of them (`asof.summary.outcomes`).
    labels
        customer_id and any columns of text: one row for each (`asof.attributes.categories`).

    Returns
    -------
    pandas.DataFrame
        A row per column of `labels` and level, columns in their order, levels by name: column,
        level, customers, and for both purchases_ and value_: actual, expected (means per customer),
        bias (missing where the outcomes sum to 0), rmse, crps, coverage_50, coverage_90,
        coverage_90_low and coverage_90_high (its 90 % Wilson interval), pit_distance. Levels of
        fewer than 20 customers and those beyond the 12 largest are one level, "(others)", the last.
        Intervals are those of `scorecard.forecast_card`.

    Raises
    ------
    InputError
        If forecast, outcomes and labels are not of the same customers, a label is missing, or a
        score is not finite.
    """
    labelled = _labelled(labels, standing.customers)
    sides = (standing.purchases, standing.value)
    rows = [
        _row(str(column), level, (groups == level).to_numpy(dtype=bool), sides)
        for column, levels in labelled.items()
        for groups in (gathered(levels),)
        for level in sorted(groups.unique(), key=lambda level: (level == OTHERS, level))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def gathered(levels: pd.Series) -> pd.Series:
    """Return the levels as text, the small ones and those beyond the largest as "(others)".

    Of levels of one size those first by name are the larger.
    """
    text = levels.astype(str)
    large = [(-size, level) for level, size in Counter(text).items() if size >= FEWEST]
    kept = [level for _, level in sorted(large)[:MOST]]
    return text.where(text.isin(kept), OTHERS)


def segment_card(table: pd.DataFrame) -> dict[str, float]:
    """Return numbers of a segment table by flat keys that are legal names of MLflow metrics.

    `<metric>/<column>/<level>` for coverage_90, crps, pit_distance and bias of purchases_ and
    value_; what is missing has no key. `purchases_coverage_90_worst/<column>` and
    `value_coverage_90_worst/<column>` are the coverage furthest from 0.9 among the levels of at
    least 20 customers (among all where there is none). In columns and levels, characters other than
    letters, digits, `_`, `-`, `.`, space and colon become `_`, see `legal`.
    """
    parts = {str(column): part for column, part in table.groupby("column", sort=False)}
    card: dict[str, float] = {}
    for name, part in zip(legal(list(parts)), parts.values(), strict=True):
        card |= _column_card(name, part)
    return card


def legal(names: Sequence[str]) -> list[str]:
    """Return different names in the characters of a part of a metric's name, still all different.

    Names that would become another's get 8 hex digits of their own text; one that is legal stays.

    Examples
    --------
    >>> legal(["Korea, South", "UK"])
    ['Korea_ South', 'UK']
    >>> legal(["A/B", "A+B", "A_B"])
    ['A_B_561853dc', 'A_B_f9db5ce4', 'A_B']
    """
    plain = [_plain(name) for name in names]
    count = Counter(plain)
    return [
        new if new == old or count[new] == 1 else f"{new}_{_digest(old)}"
        for old, new in zip(names, plain, strict=True)
    ]


def _plain(name: str) -> str:
    kept = re.sub(r"[^\w.\- :]", "_", name)[:LONGEST] or "_"
    return kept if kept.strip(".") else "_" * len(kept)  # . and .. are steps of a path


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def _labelled(labels: pd.DataFrame, scored: pd.Index) -> pd.DataFrame:
    """Return the columns of `labels` in the rows of the customers scored."""
    known = pd.Index(labels["customer_id"])
    odd = known.symmetric_difference(scored)
    if len(odd) or not known.is_unique:
        example = f", such as '{odd[0]}'" if len(odd) else ""
        raise InputError(
            f"segments: {len(known):,} customers are labelled and {len(scored):,} were scored, "
            f"{len(odd):,} in one list only{example}; label the History of the same cut, each "
            "customer once"
        )
    labelled = labels.set_index("customer_id").loc[scored]
    for column in labelled.columns:
        _refuse_missing(str(column), labelled[column])
    return labelled


def _refuse_missing(column: str, levels: pd.Series) -> None:
    missing = levels.index[levels.isna().to_numpy(dtype=bool)]
    if len(missing):
        raise InputError(
            f"segments: {len(missing):,} of {len(levels):,} customers have no {column}, first "
            f"'{missing[0]}'; say 'unknown' there"
        )


def _row(
    column: str,
    level: str,
    rows: Bool[np.ndarray, " customers"],
    sides: tuple[Side, Side],
) -> dict[str, str | int | float]:
    row: dict[str, str | int | float]
    row = {"column": column, "level": level, "customers": int(rows.sum())}
    for name, side in zip(SIDES, sides, strict=True):
        row |= {f"{name}_{measure}": value for measure, value in _measured(side, rows).items()}
    return row


def _measured(side: Side, rows: Bool[np.ndarray, " customers"]) -> dict[str, float]:
    actual, expected = side.actual[rows], side.expected[rows]
    fell = Predictive(*(part[rows] for part in side.fell))
    held = int(fell.inside_90.sum())
    wilson = stats.binomtest(held, len(actual)).proportion_ci(0.90, "wilson")
    return {
        "actual": errors.mean(actual),
        "expected": errors.mean(expected),
        "bias": _bias(side, rows),
        "rmse": errors.rmse(actual, expected),
        "crps": errors.mean(fell.crps),
        "coverage_50": errors.mean(fell.inside_50.astype(float)),
        "coverage_90": held / len(actual),
        "coverage_90_low": float(wilson.low),
        "coverage_90_high": float(wilson.high),
        "pit_distance": pit_distance(pit_histogram(fell.pit)),
    }


def _bias(side: Side, rows: Bool[np.ndarray, " customers"]) -> float:
    try:
        return errors.bias(side.actual[rows], side.expected[rows])
    except errors.UndefinedError:
        return float("nan")


def _column_card(column: str, levels: pd.DataFrame) -> dict[str, float]:
    names = legal(levels["level"].tolist())
    numbers = {
        f"{metric}/{column}/{name}": float(value)
        for metric in CARD
        for name, value in zip(names, levels[metric], strict=True)
        if np.isfinite(value)
    }
    worst = {f"{side}_coverage_90_worst/{column}": _worst(levels, side) for side in SIDES}
    return numbers | worst


def _worst(levels: pd.DataFrame, side: str) -> float:
    coverage = levels[f"{side}_coverage_90"].to_numpy(dtype=float)
    large = levels["customers"].to_numpy(dtype=int) >= FEWEST
    judged = coverage[large] if large.any() else coverage
    return float(judged[np.abs(judged - 0.9).argmax()])
