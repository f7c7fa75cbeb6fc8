"""Why a network expects what it expects of a customer: kinds of inputs, each with its money.

The reference customer bought once, for the mean value, and is in the middle of all else.
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
    *("their purchases", "what they spent", "days since and between purchases"),
    *("returns, discounts and contacts", "what a BG/NBD expects"),
)
"""Kinds of inputs, as a merchant would call them; a static column is one of its own.

Events carry their own dates: those of a purchase count with the purchases.
"""

WHEN = ("recency_days", "age_days", "days_since_last", "mean_gap_days", "sd_gap_days")

AROUND = ("complaints", "returned_share", "discount_share", "treatments_received")

MOST = 3
"""Static columns that are told apart; more are one kind."""

COLUMNS_TOGETHER = "their columns"

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
    static = [f"their {column}" for column, levels in encoder.levels.items() for _ in levels]
    if len(encoder.levels) > MOST:
        static = [COLUMNS_TOGETHER] * len(static)
    wide = (*(kind_of(column) for column in encoder.columns), *static)
    clock = tuple(kind_of(column) for column in CLOCK)
    read = {PURCHASES, SPEND, *clock}
    read |= set(wide) if net.wide is not None else set()
    read |= {BGNBD} if net.shape.based else set()
    read |= {CONTACT} if set(encoder.kinds) - {PURCHASE} else set()
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

    What is read of events depends on three kinds alone, so that it is read at most eight times, not
    2^kinds.
    """

    def __init__(
        self,
        nets: list[HistoryNet],
        seen: Seen,
        encoder: Encoder,
        kinds: Kinds,
        season: tuple[float, float],
    ) -> None:
        self.nets, self.seen, self.kinds, self.season = nets, seen, kinds, season
        self.nobody, self.middle, self.clock = (
            torch.from_numpy(part.astype(np.float32))
            for part in (encoder.nobody, encoder.middle, _centre(encoder))
        )
        self.purchase = encoder.kinds.index(PURCHASE) + 1
        self.read: dict[frozenset[str], list[Tensor]] = {}

    def raw(self, own: frozenset[int]) -> Float[Tensor, "members customers intervals 5"]:
        """Return raw heads where the kinds in `own` are the customer's."""
        kept = {self.kinds.own[i] for i in own}
        seen = self.seen
        wide = torch.where(_mask(self.kinds.wide, kept), seen.wide, self.middle)
        clock = torch.where(_mask(self.kinds.clock, kept), seen.clock, self.clock)
        base = seen.base if BGNBD in kept else self.nobody.expand_as(seen.base)
        told = seen._replace(wide=wide, clock=clock, base=base)
        with torch.no_grad():
            states = self._states(frozenset(kept & {PURCHASES, SPEND, CONTACT}))
            made = [net.heads(s, told) for net, s in zip(self.nets, states, strict=True)]
        return torch.stack(made)

    def _states(self, kept: frozenset[str]) -> list[Tensor]:
        """Return what each network has read of the events, if these kinds are the customer's."""
        if kept not in self.read:
            events = _events(self.seen, self.purchase, self.season, kept)
            self.read[kept] = [net.reader(events) for net in self.nets]
        return self.read[kept]


def _mask(kinds: tuple[str, ...], kept: set[str]) -> Bool[Tensor, " columns"]:
    return torch.tensor([kind in kept for kind in kinds], dtype=torch.bool)


def _centre(encoder: Encoder) -> Float[np.ndarray, " clock"]:
    """Return the mean of the clock, which is among the wide columns as it is."""
    at = [encoder.columns.index(column) for column in CLOCK]
    return encoder.centre[at].astype(np.float32)


def _events(seen: Seen, purchase: int, season: tuple[float, float], kept: frozenset[str]) -> Seen:
    """Return the events if only the `kept` kinds are the customer's.

    PURCHASES: their purchases, or the one of the reference, which comes last. SPEND: their values,
    or the mean purchase; the reference's one has the customer's mean value. CONTACT: all events
    that are no purchases, or none.
    """
    mean = float(np.log1p(1.0))
    there = torch.arange(seen.kind.shape[1]) < seen.length[:, None]
    bought = (seen.kind == purchase) & there
    numbers = seen.numbers.clone()
    total = torch.where(bought, numbers[..., VALUE], 0.0).sum(dim=1)
    own = torch.where(bought.any(dim=1), total / bought.sum(dim=1).clamp(min=1), mean)
    if SPEND not in kept:
        numbers[..., VALUE] = torch.where(bought, mean, numbers[..., VALUE])
        own = torch.full_like(own, mean)
    stay = (bought if PURCHASES in kept else torch.zeros_like(bought)) | (
        there & ~bought if CONTACT in kept else torch.zeros_like(bought)
    )
    left = _only(seen._replace(numbers=numbers), stay)
    return left if PURCHASES in kept else _and_one(left, own, purchase, season)


def _only(seen: Seen, stay: Bool[Tensor, "customers events"]) -> Seen:
    """Return the events that stay, moved up to the front in their order."""
    order = torch.argsort((~stay).int(), dim=1, stable=True)
    return seen._replace(
        length=stay.sum(dim=1),
        numbers=seen.numbers.gather(1, order[..., None].expand_as(seen.numbers)),
        kind=seen.kind.gather(1, order),
        category=seen.category.gather(1, order),
    )


def _and_one(
    seen: Seen, value: Float[Tensor, " customers"], purchase: int, season: tuple[float, float]
) -> Seen:
    """Return the events and, after the last of them, one purchase on the day before the cut-off."""
    rows, at = torch.arange(len(seen.length)), seen.length
    numbers = torch.nn.functional.pad(seen.numbers, (0, 0, 0, 1))
    kind, category = (torch.nn.functional.pad(c, (0, 1)) for c in (seen.kind, seen.category))
    one = torch.zeros((len(rows), len(CHANNELS)))
    one[:, VALUE] = value
    one[:, CHANNELS.index("season_sin")], one[:, CHANNELS.index("season_cos")] = season
    numbers[rows, at], kind[rows, at], category[rows, at] = one, purchase, 0
    return seen._replace(length=at + 1, numbers=numbers, kind=kind, category=category)


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
    """Return the value (cents) that the BG/NBD expects of the reference, over a span."""
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
