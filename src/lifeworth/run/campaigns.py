"""The pipeline of a randomised campaign: who should get which arm, and whether that is worth it."""

import datetime as dt
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from lifeworth.decide.sample_ratio import SampleRatio, assigned_ratio
from lifeworth.models.uplift.fitted import Uplift
from lifeworth.models.uplift.trial import Trial
from lifeworth.report.campaign import CampaignEvidence, print_campaign
from lifeworth.report.page import write as write_report
from lifeworth.run import outputs, tracking
from lifeworth.run.campaign_policies import Chosen, Judged, chosen, judge, rule_scores
from lifeworth.run.config import CampaignRules, RunConfig
from lifeworth.run.cross_fit import cross_fit
from lifeworth.run.kinds import kind_of
from lifeworth.run.progress import steps
from lifeworth.tables.campaign import CONTROL, Campaign
from lifeworth.tables.errors import InputError

KEYS = ("customer_id", "campaign_id", "arm", "assigned_at", "propensity", "known_at")
"""Columns of a campaign that are no features."""


def run(config: RunConfig, folder: Path) -> dict[str, Any]:
    """Learn what each arm changes, judge policies on customers not learnt from, and report.

    Leaves everything in `folder` and a run in MLflow; returns the scorecard.
    """
    console, now = Console(), dt.datetime.now(dt.UTC).replace(tzinfo=None)
    others = {n: r for n, r in config.baselines.items() if kind_of(r) == "campaign"}
    with steps(console, 4 + len(others)) as step:
        step(f"reading {config.names.data}")
        campaign = checked(config, config.data.load(latest=now))
        trial = trial_of(campaign.frame(), config.campaign)
        rule_scores(trial, config.campaign)  # refused now, not after minutes
        check_sizes(trial)
        found = {}
        for name, recipe in {config.names.model: config.model, **others}.items():
            step(f"cross-fitting {name}")
            found[name] = cross_fit(recipe, trial, config.campaign.folds, config.seed)
        step("judging policies")
        judged = judge(config.names.model, found, trial, config.campaign)
        step("fitting to all customers")
        began = time.perf_counter()
        fitted: Uplift = config.model.fit(trial, config.seed)
        seconds = time.perf_counter() - began
        step("writing")
        plan = chosen(fitted, trial, config.campaign)
        card = scorecard(config, campaign, trial, judged, seconds)
        outputs.write(folder, card, scores(trial, plan), fitted, left(trial, plan, judged))
        shown = evidence(config, trial, judged, plan, fitted, card)
        report = write_report(shown, folder / outputs.REPORT)
    print_campaign(shown, console, report)
    with console.status("keeping the run in MLflow"):
        tracking.keep(config, card, folder)
    return card


def checked(config: RunConfig, campaign: Campaign) -> Campaign:
    """Return the campaign that is judged, and refuse one without features."""
    named, only = campaign.ids(), config.campaign.only
    if only is None and len(named) != 1:
        raise InputError(
            f"data={config.names.data}: {len(named)} campaigns, {', '.join(named)}; a run judges "
            "one, so that no customer is both learnt from and judged; give "
            f"campaign.only={named[0]}"
        )
    try:
        campaign = campaign if only is None else campaign.only(only)
    except InputError as error:
        raise InputError(f"campaign.only: {error}") from error
    if campaign.features is None:
        raise InputError(
            f"data={config.names.data}: the campaign has no features, and without them all "
            "customers are alike; give what was known before the arms were drawn"
        )
    return campaign


def trial_of(frame: pd.DataFrame, rules: CampaignRules) -> Trial:
    """Return what uplift models learn from.

    Raises
    ------
    InputError
        If there is no such outcome.
    """
    told = [c for c in ("value_cents", "responded", "visited") if c in frame]
    if rules.outcome not in told:
        raise InputError(
            f"campaign.outcome = '{rules.outcome}': this campaign has {', '.join(told)}; "
            "name one of these"
        )
    cost = frame["cost_cents"].to_numpy(dtype=np.float64)
    outcome = frame[rules.outcome].to_numpy(dtype=np.float64)
    net = rules.margin * outcome - cost if rules.outcome == "value_cents" else outcome
    beside = {*KEYS, *told, "redeemed", "cost_cents"}
    features = [c for c in frame.columns if c not in beside]
    return Trial(
        customer_id=frame["customer_id"].to_numpy(dtype=object),
        features=frame[features].reset_index(drop=True),
        arm=frame["arm"].cat.codes.to_numpy(dtype=np.int64),
        arms=tuple(map(str, frame["arm"].cat.categories)),
        propensity=frame["propensity"].to_numpy(dtype=np.float64),
        outcome=net,
        cost=cost,
    )


def check_sizes(trial: Trial) -> None:
    """Refuse arms whose sizes are not what their chances say.

    Raises
    ------
    InputError
        If the sample-ratio check has a p-value below .001.
    """
    ratio = _ratio(trial)
    if ratio.mismatch:
        shares = zip(trial.arms, np.bincount(trial.arm), trial.shares(), strict=True)
        told = ", ".join(f"{arm} {n:,} of {s * len(trial.arm):,.0f}" for arm, n, s in shares)
        raise InputError(
            f"campaign: the arms do not have the sizes that their chances say ({told} expected; "
            f"p = {ratio.p_value:.1g}), so that nothing can be read from them; find out who is "
            "missing or was drawn otherwise, or correct the chances"
        )


def _ratio(trial: Trial) -> SampleRatio:
    sizes = {a: int((trial.arm == i).sum()) for i, a in enumerate(trial.arms)}
    return assigned_ratio(sizes, dict(zip(trial.arms, map(float, trial.shares()), strict=True)))


def scorecard(
    config: RunConfig, campaign: Campaign, trial: Trial, judged: Judged, seconds: float
) -> dict[str, Any]:
    """Return the flat scorecard: measures of arms and policies, the verdict, and facts."""
    ratio = _ratio(trial)
    first = campaign.treatments.assigned_at.min().to_pyarrow().as_py()
    numbers: dict[str, float] = {"customers": float(len(trial.arm))}
    for row in judged.arms.to_dict("records"):
        told = {key: float(v) for key, v in row.items() if key != "arm" and not pd.isna(v)}
        numbers |= {f"{key}_{row['arm']}": value for key, value in told.items()}
    for row in judged.policies.to_dict("records"):
        name = str(row["policy"]).replace(" ", "_")
        numbers |= {f"{key}_of_{name}": float(v) for key, v in row.items() if key != "policy"}
    return {
        **numbers,
        "personalised": float(judged.verdict.personalised),
        "verdict": judged.verdict.sentence,
        "recommended": "personalised" if judged.verdict.personalised else judged.verdict.rule,
        "best_single_arm": judged.best_arm,
        "sample_ratio_p": float(ratio.p_value),
        "model": config.names.model,
        "outcome": config.campaign.outcome,
        "cutoff": str(first.date()),
        "seconds_fit": seconds,
        "data_hash": campaign.content_hash(),
        "value_is": campaign.value_is,
        "currency": campaign.currency,
        "lifeworth_version": version("lifeworth"),
    }


def scores(trial: Trial, plan: Chosen) -> pd.DataFrame:
    """Return one row per customer: the arm of the personalised policy, and what each arm changes.

    customer_id, arm, and for each arm but the control effect_<arm>, low_<arm>, cost_<arm>.
    """
    columns: dict[str, Any] = {"customer_id": trial.customer_id, "arm": plan.arm}
    low = plan.effects.low()
    for number, arm in enumerate(trial.arms[1:], start=1):
        columns |= {
            f"effect_{arm}": plan.effects.value[:, number],
            f"low_{arm}": low[:, number],
            f"cost_{arm}": plan.effects.cost[:, number],
        }
    return pd.DataFrame(columns)


def left(trial: Trial, plan: Chosen, judged: Judged) -> dict[str, pd.DataFrame]:
    """Return the tables a run leaves, by file name; offers are what `lifeworth assign` reads."""
    low = plan.effects.low()
    offers = [
        pd.DataFrame(
            {
                "customer_id": trial.customer_id,
                "arm": arm,
                "value_cents": plan.effects.value[:, number],
                "cost_cents": plan.effects.cost[:, number],
                "low_cents": low[:, number],
            }
        )
        for number, arm in enumerate(trial.arms)
        if arm != CONTROL
    ]
    return {
        outputs.OFFERS: pd.concat(offers, ignore_index=True),
        outputs.POLICIES: judged.policies,
        outputs.TARGETING: judged.targeting,
    }


def evidence(
    config: RunConfig,
    trial: Trial,
    judged: Judged,
    plan: Chosen,
    fitted: Uplift,
    card: dict[str, Any],
) -> CampaignEvidence:
    """Return what the report of a campaign shows."""
    rules = config.campaign
    money = rules.outcome == "value_cents"
    notes = list(fitted.notes())
    if config.names.debug:
        notes.append(f"debug={config.names.debug}: made in a hurry, the figures mean nothing.")
    counts = pd.Series(plan.arm).value_counts()
    given = pd.DataFrame(
        {
            "arm": list(trial.arms),
            "drawn": [int((trial.arm == i).sum()) for i in range(len(trial.arms))],
            "chosen": [int(counts.get(arm, 0)) for arm in trial.arms],
        }
    )
    return CampaignEvidence(
        title=config.title,
        subtitle=f"{config.names.model} on {config.names.data}, outcome {rules.outcome}",
        currency=card["currency"] if money else "",
        verdict=judged.verdict,
        best_arm=judged.best_arm,
        facts={
            "source": f"{config.names.data}: {config.data.about.what}",
            "data hash": card["data_hash"],
            "outcome": _outcome(rules),
            "customers": f"{len(trial.arm):,}",
            "sample-ratio check": f"p = {card['sample_ratio_p']:.3f}",
            "folds": f"{rules.folds}: every customer is judged by models that have not seen them",
            "seed": str(config.seed),
            "seconds to fit": f"{card['seconds_fit']:.1f}",
            "versions": f"lifeworth {card['lifeworth_version']}",
        },
        notes=notes,
        arms=judged.arms,
        assigned=given,
        policies=judged.policies,
        targeting=judged.targeting,
        calibration=judged.calibration,
        roi=judged.roi,
    )


def _outcome(rules: CampaignRules) -> str:
    if rules.outcome != "value_cents":
        return rules.outcome
    return f"value x {rules.margin:g} (margin), less what the arm cost"
