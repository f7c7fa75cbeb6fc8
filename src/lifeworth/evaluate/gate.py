"""May a personalised policy be recommended: only if it beats every simple rule for certain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from scipy import special

from lifeworth.evaluate.estimates import LEVEL, Estimate
from lifeworth.tables.errors import InputError

RULES = ("best single arm", "monetary", "frequency", "random")
"""The simple rules that a personalised policy must have been compared with."""

POWER = 0.8
"""Chance of seeing a gain that is there, for which the customers needed are counted."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to do, and why.

    Attributes
    ----------
    personalised
        Whether the personalised policy is recommended.
    rule
        The strongest simple rule: the one to follow if not.
    sentence
        The verdict for a reader, with figures.
    """

    personalised: bool
    rule: str
    sentence: str


def gate(
    gains: Mapping[str, Estimate],
    customers: int,
    unit: str = "cents",
    level: float = LEVEL,
) -> Verdict:
    """Return whether a personalised policy beats every simple rule.

    It is recommended only if the interval of its gain over each of them lies above 0. All must, so
    a policy that is no better than one of them passes in at most (1 - level) / 2 of experiments,
    however many rules there are.

    Parameters
    ----------
    gains
        By rule, the gain per customer of the personalised policy over it: paired, doubly robust, at
        the same budget (`policies.policy_mean`, subtracted). RULES must be among them.
    customers
        How many the experiment had; to say how many would show a gain of this size.
    unit
        Of the gains.
    level
        Coverage of the intervals.

    Raises
    ------
    InputError
        If one of RULES is not there, a gain or its error is not finite, or an error is negative.
    """
    _refuse(gains)
    rule = min(gains, key=lambda name: gains[name].value)
    unsure = [name for name, gain in gains.items() if gain.interval(level).low <= 0]
    if not unsure:
        return Verdict(personalised=True, rule=rule, sentence=_yes(gains, rule, unit, level))
    sentence = _no(gains, (rule, unsure), customers, unit, level)
    return Verdict(personalised=False, rule=rule, sentence=sentence)


def customers_needed(gain: Estimate, customers: int, level: float = LEVEL) -> int | None:
    """Return how many customers would show this gain with probability .8; None if it is none.

    Taking the gain for the truth, and errors to fall with the root of the customers.
    """
    if gain.value <= 0:
        return None
    z = float(special.ndtri((1 + level) / 2) + special.ndtri(POWER))
    return max(math.ceil(customers * (z * gain.error / gain.value) ** 2), 1)


def _yes(gains: Mapping[str, Estimate], rule: str, unit: str, level: float) -> str:
    return (
        f"Follow the personalised policy: it earns {_shown(gains[rule], unit, level)} more per"
        f" customer than '{rule}', the strongest of {len(gains)} simple rules, and more than"
        " each of the others."
    )


def _no(
    gains: Mapping[str, Estimate],
    found: tuple[str, list[str]],
    customers: int,
    unit: str,
    level: float,
) -> str:
    rule, unsure = found
    lows = {name: gains[name].interval(level).low for name in unsure}
    worst = rule if rule in unsure else min(lows, key=lambda name: lows[name])
    needed = customers_needed(gains[worst], customers, level)
    sight = f"; to see such a gain takes about {_rounded(needed)} customers" if needed else ""
    return (
        f"Follow '{rule}': the gain of the personalised policy over '{worst}' is"
        f" {_shown(gains[worst], unit, level)} per customer, not surely above 0{sight}."
    )


def _shown(gain: Estimate, unit: str, level: float) -> str:
    low, high = gain.interval(level)
    return f"{gain.value:.3g} {unit} ({100 * level:g} % interval {low:.3g} to {high:.3g})"


def _rounded(number: int) -> str:
    """Write two leading digits."""
    digits = max(len(str(number)) - 2, 0)
    return f"{round(number, -digits):,}"


def _refuse(gains: Mapping[str, Estimate]) -> None:
    absent = [name for name in RULES if name not in gains]
    if absent:
        raise InputError(
            f"gate: no gain over {', '.join(map(repr, absent))}, there are"
            f" {', '.join(map(repr, gains)) or 'none'}; a personalised policy is compared with all"
            " simple rules, or it is not recommended"
        )
    for name, gain in gains.items():
        if not (math.isfinite(gain.value) and math.isfinite(gain.error) and gain.error >= 0):
            raise InputError(
                f"gate: the gain over '{name}' is {gain.value} with error {gain.error}; both"
                " must be finite, and the error not below 0"
            )
