"""Why a network expects what it expects of a customer: kinds of inputs, each with its money.

The reference is somebody average: one purchase of the mean value, and the mean of all else.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from lifeworth.asof.sequence import PURCHASE
from lifeworth.models.deep.batches import Seen, padded
from lifeworth.models.deep.borrowed import BORROWED
from lifeworth.models.deep.heads import Heads, Span, means
from lifeworth.models.deep.inputs import CHANNELS, CLOCK, Encoder, Inputs
from lifeworth.models.deep.losses import OBJECTIVES, LossName
from lifeworth.models.deep.members import alike
from lifeworth.models.deep.nets import HistoryNet
from lifeworth.models.deep.shapley import shapley

PURCHASES, SPEND, TIMING, CONTACT, BGNBD = (
    *("how often they bought", "what they spent", "when they bought"),
    *("returns, discounts and contacts", "what a BG/NBD expects"),
)
"""Kinds of inputs, as a merchant would call them; a static column is one of its own."""

WHEN = ("recency_days", "age_days", "days_since_last", "mean_gap_days", "sd_gap_days")

AROUND = ("complaints", "returned_share", "discount_share", "treatments_received")

MOST = 3
"""Static columns that are told apart; more are one kind."""

COLUMNS_TOGETHER = "what is known of them"

VALUE = CHANNELS.index("value")

Row = Float[np.ndarray, " customers"]


def kind_of(column: str) -> str:
    """Return the kind of a wide column that is no static one."""
    if column in BORROWED:
        return BGNBD
    if column in AROUND or column.startswith("events_"):
        return CONTACT
    if column in WHEN:
        return TIMING
    return SPEND if "_cents" in column else PURCHASES


class Kinds(NamedTuple):
    """Which inputs are of which kind; `own` are the kinds that a network reads."""

    own: tuple[str, ...]
    wide: tuple[str, ...]
    clock: tuple[str, ...]


def kinds_of(encoder: Encoder, net: HistoryNet) -> Kinds:
    """Return the kinds of the inputs of a network."""
    static = [column for column, levels in encoder.levels.items() for _ in levels]
    if len(encoder.levels) > MOST:
        static = [COLUMNS_TOGETHER] * len(static)
    wide = (*(kind_of(column) for column in encoder.columns), *static)
    clock = tuple(kind_of(column) for column in CLOCK)
    read = {PURCHASES, SPEND, *clock}
    read |= set(wide) if net.wide is not None else set()
    read |= {BGNBD} if net.shape.based else set()
    order = (PURCHASES, SPEND, TIMING, CONTACT, BGNBD, *static)
    return Kinds(tuple(dict.fromkeys(k for k in order if k in read)), wide, clock)


def parts(
    nets: list[HistoryNet],
    inputs: Inputs,
    encoder: Encoder,
    season: tuple[float, float],
    worth: Callable[[Tensor], Row],
) -> tuple[list[str], Row, list[Row]]:
    """Return the kinds, what is expected of the reference, and what each kind adds to it.

    Parameters
    ----------
    season
        Sine and cosine of the season of the cut-off, when the reference bought.
    worth
        From raw heads (members first) to what is expected, a number for each customer.
    """
    kinds = kinds_of(encoder, nets[0])
    bases: list[Row] = []
    added: list[list[Row]] = []
    groups = alike(inputs)  # as in `heads_of`, so that sums are those of the score to the last bit
    for rows in groups:
        asked = _Asked(nets, padded(inputs, rows), encoder, kinds, season)
        base, each = shapley(lambda own, a=asked: worth(a.raw(own)), len(kinds.own))
        bases.append(base)
        added.append(each)
    back = np.argsort(np.concatenate(groups))
    each_kind = [np.concatenate(column)[back] for column in zip(*added, strict=True)]
    return list(kinds.own), np.concatenate(bases)[back], each_kind


class _Asked:
    """Some customers, asked what is expected of them if some kinds were those of the reference.

    What is read of events depends on two kinds alone, so that it is read four times, not 2^kinds.
    """

    def __init__(
        self,
        nets: list[HistoryNet],
        seen: Seen,
        encoder: Encoder,
        kinds: Kinds,
        season: tuple[float, float],
    ) -> None:
        self.nets, self.seen, self.kinds = nets, seen, kinds
        self.nobody = torch.from_numpy(encoder.nobody.astype(np.float32))
        self.clock = torch.from_numpy(_centre(encoder))
        purchase = encoder.kinds.index(PURCHASE) + 1 if PURCHASE in encoder.kinds else 0
        variants = {
            (often, spent): _events(seen, purchase, season, often=often, spent=spent)
            for often in (False, True)
            for spent in (False, True)
        }
        with torch.no_grad():
            self.states = {key: [net.reader(v) for net in nets] for key, v in variants.items()}

    def raw(self, own: frozenset[int]) -> Float[Tensor, "members customers intervals 5"]:
        """Return raw heads where the kinds in `own` are the customer's."""
        kept = {self.kinds.own[i] for i in own}
        seen = self.seen
        wide = torch.where(_mask(self.kinds.wide, kept), seen.wide, 0.0)
        clock = torch.where(_mask(self.kinds.clock, kept), seen.clock, self.clock)
        base = seen.base if BGNBD in kept else self.nobody.expand_as(seen.base)
        told = seen._replace(wide=wide, clock=clock, base=base)
        states = self.states[PURCHASES in kept, SPEND in kept]
        with torch.no_grad():
            made = [net.heads(s, told) for net, s in zip(self.nets, states, strict=True)]
        return torch.stack(made)


def _mask(kinds: tuple[str, ...], kept: set[str]) -> Bool[Tensor, " columns"]:
    return torch.tensor([kind in kept for kind in kinds], dtype=torch.bool)


def _centre(encoder: Encoder) -> Float[np.ndarray, " clock"]:
    """Return the mean of the clock, which is among the wide columns as it is."""
    at = [encoder.columns.index(column) for column in CLOCK]
    return encoder.centre[at].astype(np.float32)


def _events(
    seen: Seen, purchase: int, season: tuple[float, float], *, often: bool, spent: bool
) -> Seen:
    """Return the events: those of the customer (`often`), or the one of the reference.

    Purchases have the values of the customer (`spent`) or the mean purchase; the reference's one
    has the customer's mean value.
    """
    mean = float(np.log1p(1.0))
    steps = torch.arange(seen.kind.shape[1])
    bought = (seen.kind == purchase) & (steps < seen.length[:, None])
    numbers = seen.numbers.clone()
    if often:
        if not spent:
            numbers[..., VALUE] = torch.where(bought, mean, numbers[..., VALUE])
        return seen._replace(numbers=numbers)
    total = torch.where(bought, numbers[..., VALUE], 0.0).sum(dim=1)
    count = bought.sum(dim=1)
    own = torch.where(count > 0, total / count.clamp(min=1), mean)
    customers = len(seen.length)
    one = torch.zeros((customers, 1, len(CHANNELS)))
    one[:, 0, VALUE] = own if spent else mean
    one[:, 0, CHANNELS.index("season_sin")] = season[0]
    one[:, 0, CHANNELS.index("season_cos")] = season[1]
    code = torch.full((customers, 1), purchase)
    return seen._replace(
        length=torch.ones_like(seen.length),
        numbers=one,
        kind=code,
        category=torch.zeros_like(code),
    )


def expected_value(
    loss: LossName, money: Float[np.ndarray, " intervals"], over: Span
) -> Callable[[Tensor], Row]:
    """Return a reader of raw heads (members first): the expected value over a span.

    Parameters
    ----------
    money
        Cents in a unit of value, by interval.
    """

    def worth(raw: Tensor) -> Row:
        told = Heads(*(part.numpy() for part in OBJECTIVES[loss].read(raw)))
        heads = told._replace(loc=told.loc + np.log(money).astype(np.float32))
        return means(heads.rows(slice(None)), over).value.mean(axis=0)

    return worth


def frame_of(
    customer_id: np.ndarray, kinds: list[str], base: Row, added: list[Row]
) -> pd.DataFrame:
    """Return customer_id, base, and what each kind adds (cents)."""
    columns = dict(zip(kinds, added, strict=True))
    return pd.DataFrame({"customer_id": customer_id, "base": base, **columns})


def mean_of_base(encoder: Encoder, over: Span) -> float:
    """Return the value (cents) that the BG/NBD expects of somebody average, over a span."""
    odds, worth = encoder.nobody[:, 0], encoder.nobody[:, 3]
    return float((np.exp(worth) / (1.0 + np.exp(-odds)) * encoder.unit) @ over.parts)


def with_lender(frame: pd.DataFrame, lent: Row, usual: float, share: float) -> pd.DataFrame:
    """Return the frame of a blend: what the BG/NBD expects beyond the `usual` is its own kind."""
    money = frame.columns.drop("customer_id")
    mixed = frame.assign(**{column: (1.0 - share) * frame[column] for column in money})
    if BGNBD not in mixed:
        mixed[BGNBD] = 0.0
    mixed["base"] += share * usual
    mixed[BGNBD] += share * (lent - usual)
    return mixed
