"""Models that runs left, on their store as it is today: nothing is fitted again."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ibis import _

from lifeworth.asof.split import History, latest
from lifeworth.decide.tiers import tiers_above
from lifeworth.models import store
from lifeworth.models.core import Forecast
from lifeworth.models.personas.fitted import Personas
from lifeworth.report.wording import counted, money, share
from lifeworth.run.config import RunConfig
from lifeworth.run.finished import left_by, personas_by
from lifeworth.run.judging import Scored
from lifeworth.run.main import start
from lifeworth.run.outputs import FLOORS, floors_of, in_cents, with_tiers
from lifeworth.run.reasons import told
from lifeworth.run.reopened import config_of, read_again
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError, agreed
from lifeworth.tables.sources.simulated import Simulated

KEPT = 0.9
"""Share of a run's customers whose orders of then have to be in the data of today."""


@dataclass(frozen=True, kw_only=True)
class Today:
    """What a run of a value model left, and its store as it is now.

    Attributes
    ----------
    scores, card
        Of the run.
    tables
        All of the store, also what lies before the window.
    history
        At the end of the data, in the window of the run.
    """

    config: RunConfig
    folder: Path
    scores: pd.DataFrame
    card: dict[str, Any]
    tables: Tables
    history: History

    @property
    def fitted_at(self) -> dt.date:
        """Return the first day that the model did not know."""
        return pd.Timestamp(self.scores["as_of"].iloc[0]).date()

    def floors(self) -> tuple[dict[str, float], bool]:
        """Return the values (cents) above which the run had its tiers, and whether it kept them.

        Of a run of before they were kept they are those of its scores, which are whole cents.
        """
        params = self.folder / "params.json"
        told = json.loads(params.read_text(encoding="utf-8")) if params.is_file() else {}
        kept = told.get(FLOORS)
        return (floors_of(self.scores), False) if kept is None else (kept, True)

    def new(self, customer_id: pd.Series) -> np.ndarray:
        """Say which customers the run did not score."""
        return ~customer_id.isin(self.scores["customer_id"]).to_numpy()

    def forecast(self) -> pd.DataFrame:
        """Return scores of today by the model that the run left, stored as a run stores them.

        Tiers begin where those of the run began (`floors`).
        """
        start(self.config.hardware)
        fitted = store.load(self.folder / "fitted")
        made = fitted.score(self.history, self.config.split.horizon_days)
        if not isinstance(made, Forecast):
            raise InputError(
                f"fitted model: {self.folder / 'fitted'} holds {type(fitted).__name__}, which "
                "forecasts nothing; name the folder of a run as lifeworth run left it"
            )
        floors, exact = self.floors()
        value = made.frame["expected_value"].to_numpy()
        tiers = tiers_above(value if exact else value.round(), list(floors.values()))
        final = Scored(
            name=self.config.names.model,
            history=self.history,
            fitted=fitted,
            forecast=made,
            seconds_fit=0.0,
            seconds_score=0.0,
        )
        frame = with_tiers(made.frame, tiers)
        return in_cents(pd.concat([frame, told(final).scores], axis=1))

    def notes(self) -> list[str]:
        """Say how old the model is, whom it had not seen, and where tiers begin."""
        now, horizon = self.history.cutoff, self.config.split.horizon_days
        age = (now - self.fitted_at).days
        old = f"; that is longer than the {horizon} it looks ahead, fit it again"
        ids = self.history.customers().to_pandas()["customer_id"]
        new, gone = int(self.new(ids).sum()), int((~self.scores["customer_id"].isin(ids)).sum())
        later = f"scores are of {now}: {counted(age, 'day')} later{old if age > horizon else ''}"
        notes = [
            f"The value model is of {self.fitted_at}, {later if age else 'and so are scores'}.",
            f"{new:,} of {counted(len(ids), 'customer')} are new to the run.",
        ]
        if gone:
            notes.append(
                f"{agreed(gone, 'customer', 'are', 'of the run')} in its window no more, or "
                "deleted."
            )
        starts = ", ".join(
            f"{name} above {money(floor, self.card['currency'])}"
            for name, floor in self.floors()[0].items()
        )
        return [*notes, f"Tiers begin where those of the run began: {starts}."]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """Who belongs where today, by personas that a run left.

    Attributes
    ----------
    members
        The customers of today's scores, as `models.membership.Membership` has them.
    notes
        What does not fit the value model.
    """

    members: pd.DataFrame
    notes: list[str]


def today(verb: str, folder: Path, data: str | None = None) -> Today:
    """Read the store of a run as it is now, from the run's folder of data or from another.

    Raises
    ------
    InputError
        If the run is not one of a value model, or the data are those of another shop, of another
        money, or fewer than the run had.
    """
    scores, card = left_by(verb, folder)
    config = config_of(verb, folder, data)
    if data is not None and isinstance(config.data, Simulated):
        raise InputError(
            f"{verb}: data={data}, and the run is of a simulated store, which reads no folder; "
            "leave data= out"
        )
    remedy = "give data=FOLDER, the folder that holds the data of today as the run's held its own"
    tables = read_again(verb, config, remedy)
    _refuse_other_money(verb, folder, card, tables)
    found = Today(
        config=config,
        folder=folder,
        scores=scores,
        card=card,
        tables=tables,
        history=_latest(tables, config),
    )
    _refuse_other_shop(verb, found)
    if found.history.cutoff < found.fitted_at:
        raise InputError(
            f"{verb}: the data end before {found.history.cutoff}, and the run of {folder} knew all "
            f"before {found.fitted_at}; give data that go on where those of the run ended"
        )
    return found


def placed(verb: str, folder: Path, store_: Today) -> Placed:
    """Say whom the customers of today are like, by the personas that a run left in `folder`.

    They are seen in the window of that run.

    Raises
    ------
    InputError
        If it is no run of personas, of another shop or money, or what they need is not there.
    """
    listed, card = personas_by(verb, folder)
    _refuse_other_money(verb, folder, card, store_.tables)
    ids = store_.tables.orders.select("customer_id").distinct().to_pandas()["customer_id"]
    if not listed["customer_id"].isin(ids).any():
        raise InputError(_nobody(verb, folder, listed["customer_id"], ids))
    personas = store.load(folder / "fitted")
    if not isinstance(personas, Personas):
        raise InputError(
            f"{verb}: {folder / 'fitted'} holds no personas but {type(personas).__name__}; name "
            "the folder of a run of personas as lifeworth run left it"
        )
    config = config_of(verb, folder)
    alike = _view(config) == _view(store_.config)
    history = store_.history if alike else _latest(store_.tables, config)
    members = personas.score(history, store_.config.split.horizon_days).frame
    now = store_.history.customers().to_pandas()["customer_id"]
    mine = members[members["customer_id"].isin(now)].reset_index(drop=True)
    notes = _placing(store_, card, mine)
    if not alike:
        notes.append(
            "Personas look at another window or count purchases otherwise than the value model; "
            f"{agreed(len(now) - len(mine), 'customer', 'have')} none in theirs."
        )
    return Placed(members=mine, notes=notes)


def _placing(store_: Today, card: dict[str, Any], members: pd.DataFrame) -> list[str]:
    fitted_at, notes = dt.date.fromisoformat(card["cutoff"]), []
    if fitted_at != store_.fitted_at:
        notes.append(
            f"Personas were found as of {fitted_at}, the value model as of {store_.fitted_at}; "
            "both score customers as they are today."
        )
    nobody = float((members["persona"] < 0).mean())
    notes.append(f"{share(nobody)} of customers are like no persona.")
    if card["debug"]:
        notes.append(f"Personas with debug={card['debug']}: they mean nothing.")
    return notes


def _latest(tables: Tables, config: RunConfig) -> History:
    split = config.split
    return latest(tables, window=split.window_days, purchase=split.purchase)


def _view(config: RunConfig) -> tuple[object, object]:
    return config.split.window_days, config.split.purchase


def _refuse_other_money(verb: str, folder: Path, card: dict[str, Any], tables: Tables) -> None:
    then, now = (card["value_is"], card["currency"]), (tables.value_is, tables.currency)
    if then != now:
        raise InputError(
            f"{verb}: value was {' in '.join(then)} in the run of {folder} and is "
            f"{' in '.join(now)} in the data; give the columns and the currency of the run, or "
            "make a new run"
        )


def _refuse_other_shop(verb: str, found: Today) -> None:
    """Refuse data that lack most of what the run's customers had bought by then."""
    then, fitted_at = found.scores["customer_id"], found.fitted_at
    orders = found.tables.orders.group_by("customer_id").aggregate(first=_.ordered_at.min())
    first = orders.to_pandas().set_index("customer_id")["first"]
    if not then.isin(first.index).any():
        raise InputError(_nobody(verb, found.folder, then, first.index.to_series()))
    there = int(then.isin(first.index[first < pd.Timestamp(fitted_at)]).sum())
    if there < KEPT * len(then):
        raise InputError(
            f"{verb}: only {there:,} of the {len(then):,} customers of {found.folder} have an "
            f"order before {fitted_at} in the data, as all had in the run; a score needs all "
            "orders of a customer, not the newest alone: give the whole store, or make a new run"
        )


def _nobody(verb: str, folder: Path, then: pd.Series, now: pd.Series) -> str:
    return (
        f"{verb}: none of the {len(then):,} customers of {folder} is in the data, for example "
        f"{then.iloc[0]!r} there and {now.min()!r} here; is it the same shop, and customer_id "
        "written as in the run?"
    )
