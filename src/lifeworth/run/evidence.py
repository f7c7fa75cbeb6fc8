"""What a run found, gathered into the evidence of its report."""

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from lifeworth.asof.summary import outcomes, summary, weekly_purchases, weekly_repeat_purchases
from lifeworth.decide.tiers import assign_tiers, tier_table
from lifeworth.evaluate.calibration import decile_table, pit_histogram
from lifeworth.models.core import AliveGrid, Learns
from lifeworth.report.evidence import Evidence, Totals
from lifeworth.run import outputs
from lifeworth.run.config import RunConfig
from lifeworth.run.judging import SEEDS_SD, Judged, Scored
from lifeworth.run.outputs import by_cutoff, mean_card, of_segment
from lifeworth.run.reasons import treated

HOLDOUT = (
    *("purchases_mae", "purchases_rmse", "purchases_bias", "purchases_crps"),
    *("purchases_coverage_90", "tracking_mape_weekly", "tracking_mape_cumulative"),
    *("value_mae", "value_rmse", "value_bias", "value_gini", "value_spearman"),
    *("value_decile_mape", "value_crps", "value_coverage_50", "value_coverage_90"),
)
"""Metrics of the holdout table."""

CELLS = 40
"""Rows and columns of the map of P(alive), at most."""


def evidence(
    config: RunConfig,
    judged: Sequence[Sequence[Judged]],
    final: Scored,
    card: dict[str, Any],
    reasons: pd.DataFrame | None,
    differences: pd.DataFrame | None,
) -> Evidence:
    """Return the evidence of a run.

    Parameters
    ----------
    judged
        For every cut-off the model and then the baselines; figures show the last cut-off.
    final
        The scores that were written.
    card
        The scorecard, and what else is to be told: device, acquired_earlier (customers whose first
        order lies before the window).
    reasons
        `run.reasons.by_tier`.
    differences
        `evaluate.differences`.
    """
    last = judged[-1][0]
    actual, frame = outcomes(last.future), last.scored.forecast.frame
    purchases, value = actual["purchases"].to_numpy(np.float64), actual["value"].to_numpy()
    expected_value = frame["expected_value"].to_numpy()
    model = [models[0] for models in judged]
    return Evidence(
        title=config.title,
        subtitle=_subtitle(config, last),
        cutoff=last.future.cutoff,
        currency=card["currency"],
        value_is=card["value_is"],
        totals=Totals(
            customers=len(frame),
            horizon_days=last.future.horizon,
            forecast_value=float(expected_value.sum()),
            forecast_purchases=float(frame["expected_purchases"].sum()),
            realised_value=float(value.sum()),
            realised_purchases=float(purchases.sum()),
        ),
        facts=_facts(config, last, final, card),
        notes=_notes(config, last, final, card),
        params=_params(final),
        holdout=_holdout(judged),
        differences=differences,
        weekly=_weekly(last),
        purchase_deciles=decile_table(purchases, frame["expected_purchases"].to_numpy()),
        value_deciles=decile_table(value, expected_value),
        alive=_alive(last.scored),
        tiers=tier_table(assign_tiers(expected_value, config.tiers.edges()), expected_value, value),
        pit=_pit(last),
        backtest=_backtest(model),
        by_segment=last.segments,
        curves=outputs.curves(final.fitted),
        reasons=reasons,
        treated=treated(last),
        **_learnt(final),
    )


def _learnt(final: Scored) -> dict[str, pd.DataFrame | None]:
    """Return what a Bayesian fit learnt, by name of its frame; nothing of other fits."""
    told = final.fitted.learnt(final.history) if isinstance(final.fitted, Learns) else None
    return {} if told is None else told._asdict()


def _subtitle(config: RunConfig, last: Judged) -> str:
    baselines = ", ".join(config.baselines) or "nothing"
    cut = f"cut at {last.future.cutoff}, {last.future.horizon} days ahead"
    return f"{config.names.model} on {config.names.data}, {cut}, beside {baselines}"


def _facts(config: RunConfig, last: Judged, final: Scored, card: dict[str, Any]) -> dict[str, str]:
    window = config.split.window_days
    return {
        "source": f"{config.names.data}: {config.data.about.what}",
        "data hash": str(card["data_hash"]),
        "history": "all of it" if window is None else f"the {window} days before the cut-off",
        "purchase": {"day": "all orders of a customer-day", "order": "all orders of an instant"}[
            config.split.purchase
        ],
        "customers at the cut-off": f"{card['customers']:,.0f}",
        "customers first seen after it": f"{card['new_customers']:,.0f}, not forecast",
        "scores as of": f"{final.history.cutoff}",
        "log-likelihood": _likelihoods(final),
        "seed": str(config.seed),
        "seconds to fit": f"{last.scored.seconds_fit:.1f}",
        "seconds to score": f"{last.scored.seconds_score:.1f}",
        "device": f"{card['device']}",
        "versions": f"lifeworth {version('lifeworth')}, jax {version('jax')}, "
        f"numpyro {version('numpyro')}, "
        f"Python {platform.python_version()}",
    }


def _notes(config: RunConfig, last: Judged, final: Scored, card: dict[str, Any]) -> list[str]:
    notes = []
    if config.names.debug:
        notes.append(f"debug={config.names.debug}: made in a hurry, the figures mean nothing.")
    if card["cuts"] > 1:
        notes.append(
            f"Tables of errors show means over {card['cuts']} cut-offs, with intervals between "
            f"them; the headline and the plots are of the last, {last.future.cutoff}."
        )
    if config.seeds > 1:
        notes.append(
            f"Errors are means over {config.seeds} seeds from {config.seed} on, with the standard "
            f"deviation between them; scores and plots are of seed {config.seed}, and so are the "
            "widths of intervals."
        )
    notes += final.fitted.notes()
    if card["value_is"] == "revenue":
        notes.append("Value is revenue: the source does not know what every order cost.")
    if card["acquired_earlier"]:
        notes.append(
            f"{card['acquired_earlier']:,} of {len(last.scored.forecast.frame):,} customers first "
            f"bought before the {config.split.window_days} days that were read; their clock starts "
            "late, which biases the drop-out rate (split.window_days=null reads everything)."
        )
    return notes


def _likelihoods(final: Scored) -> str:
    parts = final.fitted.log_likelihood().items()
    return ", ".join(f"{name} {value:,.4f}" for name, value in parts) or "none"


def _params(final: Scored) -> pd.DataFrame | None:
    rows = final.fitted.parameters()
    columns = ["parameter", "estimate", "se", "low", "high", "meaning"]
    return pd.DataFrame(rows).set_axis(columns, axis=1) if rows else None


def _holdout(judged: Sequence[Sequence[Judged]]) -> pd.DataFrame:
    """Return a row per model; over several cut-offs the means."""
    rows = []
    for models in zip(*judged, strict=True):
        card = mean_card(models)
        kept = {
            f"{m}{end}": card[f"{m}{end}"]
            for m in HOLDOUT
            for end in ("", "_low", "_high", SEEDS_SD)
            if f"{m}{end}" in card
        }
        rows.append({"model": models[0].scored.name, **kept})
    return pd.DataFrame(rows)


def _backtest(model: Sequence[Judged]) -> pd.DataFrame | None:
    """Return the metrics of all customers by cut-off; None where there is one cut-off."""
    if len(model) == 1:
        return None
    table = by_cutoff(model)
    return table[~of_segment(table["metric"])]


def _weekly(last: Judged) -> pd.DataFrame:
    """Return actual beside expected repeat purchases, before and after the cut-off."""
    parts = {
        "calibration": weekly_repeat_purchases(last.scored.history),
        "holdout": weekly_purchases(last.future),
    }
    actual = pd.concat([frame.assign(part=part) for part, frame in parts.items()])
    both = actual.merge(last.scored.forecast.tracking, on="week_start")
    return both.rename(columns={"purchases": "actual", "expected_purchases": "expected"})


def _alive(scored: Scored) -> pd.DataFrame | None:
    """Return P(alive) of repeat customers of the greatest age, by frequency and recency."""
    if not isinstance(scored.fitted, AliveGrid):
        return None
    known = summary(scored.history).to_pandas()
    age = float(known["age_days"].max())
    most = max(int(known["frequency"].quantile(0.995)), 5)
    frequency = np.unique(np.linspace(1, most, min(most, CELLS)).round())
    recency = np.unique(np.linspace(0, age, CELLS).round())
    x, t_x = (axis.ravel() for axis in np.meshgrid(frequency, recency, indexing="ij"))
    p_alive = scored.fitted.alive_grid(x, t_x, np.full_like(x, age))
    return pd.DataFrame(
        {"frequency": x.astype(int), "recency_days": t_x, "age_days": age, "p_alive": p_alive}
    )


def _pit(last: Judged) -> pd.DataFrame:
    how = last.standings[0]
    sides = {"purchases": how.purchases, "value": how.value}
    shares = {name: pit_histogram(side.fell.pit) for name, side in sides.items()}
    edges = np.linspace(0.0, 1.0, len(shares["value"]) + 1)
    return pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:], **shares})
