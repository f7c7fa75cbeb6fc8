"""Policies of a campaign, judged on customers that none of their models has seen."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from lifeworth.evaluate import policies, roi, uplift
from lifeworth.evaluate.estimates import Estimate, Measured
from lifeworth.evaluate.gate import Verdict, gate
from lifeworth.models.uplift.fitted import Effects, Uplift
from lifeworth.models.uplift.trial import ByArm, Trial
from lifeworth.run.config import CampaignRules
from lifeworth.run.cross_fit import CrossFitted
from lifeworth.tables.errors import InputError

SHARES = tuple(n / 20 for n in range(1, 21))

AT = 0.3
"""Share of customers at which uplift is told."""

PERSONALISED = "personalised"

RuleScores = dict[str, Float[np.ndarray, " customers"]]
"""By what a simple rule chooses, by its name: the highest first."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Chosen:
    """The personalised policy of all customers: names of arms, and the effects it rests on."""

    arm: np.ndarray
    effects: Effects


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """What the experiment says.

    Attributes
    ----------
    arms
        arm, mean (of the outcome), effect and effect_error (over the control), autoc, qini, auuc,
        uplift_at_30, slope, each with <name>_error; of the control effects are 0.
    policies
        policy, value and value_error (doubly robust, per customer), ips and ips_error, spend and
        spend_error, treated (share), over (P(spend > budget)), gain and gain_error (of the
        personalised policy over this one, paired).
    targeting, calibration
        `uplift.targeting_table` and `uplift.calibration_table` of each arm, with a column arm.
    roi
        `roi.roi_curve`, or None where nothing costs anything.
    best_arm
        The best single arm, chosen and measured on the same customers, which makes the gate strict.
    """

    arms: pd.DataFrame
    policies: pd.DataFrame
    targeting: pd.DataFrame
    calibration: pd.DataFrame
    roi: pd.DataFrame | None
    verdict: Verdict
    best_arm: str


def judge(
    name: str,
    found: Mapping[str, CrossFitted],
    trial: Trial,
    rules: CampaignRules,
) -> Judged:
    """Judge the policy of the model `name` beside simple rules and those of other models."""
    own = found[name]
    logged = policies.Logged(arm=trial.arm, propensity=trial.propensity, arms=len(trial.arms))
    value = logged.scores(trial.outcome, own.expected)
    spend = logged.scores(trial.cost, own.effects.cost)
    best = policy_of(own.effects, own.fold, rules)
    arm = policies.best_single_arm(value)
    given = {
        PERSONALISED: best,
        **_rules(own, best, rule_scores(trial, rules), rules, arm),
        **_singles(trial),
        **{n: policy_of(f.effects, f.fold, rules) for n, f in found.items() if n != name},
    }
    plain = logged.scores(trial.outcome, logged.means(trial.outcome))
    rows = []
    for label, policy in given.items():
        row = {"policy": label, **_policy_row(policy, best, (value, plain, spend))}
        if rules.budget_cents is not None:
            budget = rules.budget_cents * len(trial.arm)
            over = policies.chance_over_budget(policy, trial.cost, logged, budget, None)
            row["over"] = over
        rows.append(row)
    gains = {
        rule: (
            policies.policy_mean(best, value) - policies.policy_mean(given[rule], value)
        ).estimate()
        for rule in ("best single arm", "monetary", "frequency", "random")
    }
    unit = "cents" if rules.outcome == "value_cents" else rules.outcome
    return Judged(
        arms=_arms(own, trial, logged),
        policies=pd.DataFrame(rows),
        targeting=_by_arm(own, trial, logged, calibrated=False),
        calibration=_by_arm(own, trial, logged, calibrated=True),
        roi=_roi(own, value, spend),
        verdict=gate(gains, len(trial.arm), unit),
        best_arm=trial.arms[arm],
    )


def policy_of(effects: Effects, fold: np.ndarray, rules: CampaignRules) -> ByArm:
    """Return the policy that gives everybody the arm of the most value above 0.

    An arm needs evidence, too: its lower bound or its shrunken effect above 0. Within a budget the
    steps of the most value per cent come first, fold by fold, for folds have different models.
    """
    value = np.where(_certain(effects, rules), effects.value, 0.0)
    if rules.budget_cents is None:
        arm = value.argmax(axis=1)
        return np.eye(value.shape[1])[np.where(value.max(axis=1) > 0, arm, 0)]
    policy = np.zeros_like(value)
    for number in np.unique(fold):
        rows = np.flatnonzero(fold == number)
        steps = roi.path(value[rows], _costs(effects, rows))
        shape = (len(rows), value.shape[1])
        policy[rows] = roi.plan(steps, rules.budget_cents * len(rows), shape).policy
    return policy


def chosen(fitted: Uplift, trial: Trial, rules: CampaignRules) -> Chosen:
    """Return the policy that a model fitted to all customers would follow."""
    effects = fitted.effects(trial.features)
    policy = policy_of(effects, np.zeros(len(trial.arm), dtype=np.int64), rules)
    return Chosen(arm=np.array(trial.arms, dtype=object)[policy.argmax(axis=1)], effects=effects)


def _certain(effects: Effects, rules: CampaignRules) -> np.ndarray:
    evidence = effects.low() if rules.suppress == "low" else effects.value
    return evidence > 0


def _costs(effects: Effects, rows: np.ndarray) -> ByArm:
    cost = effects.cost[rows].copy()
    return cost - cost[:, :1]


def _rules(
    own: CrossFitted, best: ByArm, scores: RuleScores, rules: CampaignRules, arm: int
) -> dict[str, ByArm]:
    """Return the simple rules: `arm` goes to as many customers of a fold, or for as much money."""
    made = {
        label: np.zeros_like(best)
        for label in ("best single arm", "monetary", "frequency", "random")
    }
    size = best.shape[1]
    for number in np.unique(own.fold):
        rows = np.flatnonzero(own.fold == number)
        n, reach = len(rows), float(1.0 - best[rows, 0].mean())
        most = 1.0
        if rules.budget_cents is not None:
            each = float(own.effects.cost[rows, arm].mean())
            most = min(1.0, rules.budget_cents / each) if each > 0 else 1.0
            reach = most
        made["best single arm"][rows] = policies.at_random(n, most, arm, size)
        made["random"][rows] = policies.at_random(n, reach, arm, size)
        for label, score in scores.items():
            made[label][rows] = policies.highest(score[rows], reach, arm, size)
    return made


def _singles(trial: Trial) -> dict[str, ByArm]:
    n, size = len(trial.arm), len(trial.arms)
    return {f"all {arm}": policies.single_arm(n, i, size) for i, arm in enumerate(trial.arms)}


def rule_scores(trial: Trial, rules: CampaignRules) -> RuleScores:
    """Return by what the monetary and the frequency rule choose, the highest first.

    Raises
    ------
    InputError
        If a rule names no feature that is a number.
    """
    return {
        "monetary": _score(trial.features, rules.monetary, "monetary"),
        "frequency": _score(trial.features, rules.frequency, "frequency"),
    }


def _score(frame: pd.DataFrame, column: str, rule: str) -> Float[np.ndarray, " customers"]:
    name = column.removeprefix("-")
    if name not in frame or not pd.api.types.is_numeric_dtype(frame[name]):
        numbers = [str(c) for c in frame.select_dtypes("number").columns]
        raise InputError(
            f"campaign.{rule} = '{column}': no feature that is a number; there are "
            f"{', '.join(numbers)}, and -name begins with the lowest"
        )
    score = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
    score = np.where(np.isfinite(score), score, np.nanmedian(score))
    return -score if column.startswith("-") else score


def _policy_row(
    policy: ByArm, best: ByArm, scores: tuple[ByArm, ByArm, ByArm]
) -> dict[str, object]:
    """Return the estimates of a policy by scores: doubly robust, inverse chances, of spend."""
    value, plain, spend = (policies.policy_mean(policy, of) for of in scores)
    gain = policies.policy_mean(best, scores[0]) - value
    row: dict[str, object] = {}
    for name, of in {"value": value, "ips": plain, "spend": spend, "gain": gain}.items():
        row |= _told(name, of.estimate())
    return row | {"treated": float(1.0 - policy[:, 0].mean())}


def _told(name: str, of: Estimate) -> dict[str, float]:
    return {name: of.value, f"{name}_error": of.error}


def _arms(own: CrossFitted, trial: Trial, logged: policies.Logged) -> pd.DataFrame:
    means = logged.means(trial.outcome)[0]
    rows = []
    for arm, label in enumerate(trial.arms):
        row: dict[str, object] = {"arm": label, "mean": float(means[arm])}
        if arm:
            row |= _measures(own, trial, logged, arm)
        rows.append(row)
    return pd.DataFrame(rows)


def _measures(
    own: CrossFitted, trial: Trial, logged: policies.Logged, arm: int
) -> dict[str, float]:
    effect = logged.effects(trial.outcome, arm, own.expected)
    score = _ranked(own, arm)
    measured: dict[str, Measured] = {
        "effect": uplift.average_effect(effect),
        "autoc": uplift.autoc(effect, score),
        "qini": uplift.qini(effect, score),
        "auuc": uplift.auuc(effect, score),
        "uplift_at_30": uplift.uplift_at(effect, score, AT),
    }
    if np.ptp(own.effects.raw[:, arm]) > 0:
        measured["slope"] = uplift.calibration_slope(effect, own.effects.raw[:, arm])
    told: dict[str, float] = {}
    for name, of in measured.items():
        told |= _told(name, of.estimate())
    return told


def _ranked(own: CrossFitted, arm: int) -> Float[np.ndarray, " customers"]:
    """Return the rank of the effect within its fold, in [0, 1]: models of folds differ in level."""
    score = pd.Series(own.effects.raw[:, arm])
    return score.groupby(own.fold).rank(pct=True).to_numpy(dtype=np.float64)


def _by_arm(
    own: CrossFitted, trial: Trial, logged: policies.Logged, *, calibrated: bool
) -> pd.DataFrame:
    tables = []
    for arm, label in enumerate(trial.arms):
        if not arm:
            continue
        effect = logged.effects(trial.outcome, arm, own.expected)
        if calibrated:
            table = uplift.calibration_table(effect, own.effects.value[:, arm])
        else:
            table = uplift.targeting_table(effect, _ranked(own, arm), SHARES)
        tables.append(table.assign(arm=label))
    return pd.concat(tables, ignore_index=True)


def _roi(own: CrossFitted, value: ByArm, spend: ByArm) -> pd.DataFrame | None:
    cost = own.effects.cost - own.effects.cost[:, :1]
    if not (cost > 0).any():
        return None
    worth = own.effects.value - own.effects.value[:, :1]
    return roi.roi_curve(roi.path(worth, cost), value, spend)
