"""Where a run cuts a store, and a store's orders as visits."""

import datetime as dt

from lifeworth.asof.carts import Asking, visits_of
from lifeworth.asof.split import last_day
from lifeworth.models.basket import Attach, CartEase
from lifeworth.run.config import RunConfig, Split
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.sources import VISITS
from lifeworth.tables.visits import Visits


def last_cut(tables: Tables, split: Split) -> dt.date:
    """Return the cut-off that `split` names, or the last that leaves the horizon observed.

    Raises
    ------
    InputError
        If the horizon ends after the data do.
    """
    latest_cut = last_day(tables) + dt.timedelta(days=1 - split.horizon_days)
    last = split.cutoff or latest_cut
    if last > latest_cut:
        raise InputError(
            f"split: the {split.horizon_days} days from the cut-off {last} on end after the last "
            f"order ({last_day(tables)}), so nobody knows what customers did in them; "
            f"choose split.cutoff={latest_cut} or earlier, or a shorter split.horizon_days"
        )
    return last


def load_visits(config: RunConfig, now: dt.datetime) -> Visits:
    """Return the visits of the source, or make them of the orders of a store.

    Raises
    ------
    InputError
        If something is asked for that the data do not have, or as `asof.carts.visits_of`.
    """
    if isinstance(config.data, tuple(VISITS.values())):
        _refuse_asking(config)
        return config.data.load(latest=now)
    _refuse_cuts(config.split)
    _refuse_other_hiding(config)
    rules, split = config.ranking, config.split
    tables = config.data.load(latest=now)
    services = config.data.about.services if rules.services is None else rules.services
    asking = Asking(
        cutoff=last_cut(tables, split),
        horizon=split.horizon_days,
        window=split.window_days,
        purchase=split.purchase,
        ask=rules.ask or "cart",
        hide=rules.hide,
        services=tuple(services),
    )
    return visits_of(tables, config.names.data, asking)


def _refuse_asking(config: RunConfig) -> None:
    asked = {
        "ranking.ask": config.ranking.ask,
        "ranking.services": config.ranking.services,
        "split.cutoff": config.split.cutoff,
    }
    for name in [name for name, value in asked.items() if value is not None]:
        raise InputError(
            f"{name}: data={config.names.data} is visits, which have a split of their own; "
            "leave it out, or choose a store, such as data=online_retail"
        )


def _refuse_other_hiding(config: RunConfig) -> None:
    """Refuse chances that are learnt from carts with more or fewer hidden products than asked."""
    asked = config.ranking.hide
    for recipe in (config.model, *config.baselines.values()):
        if (
            config.ranking.ask in (None, "cart")
            and isinstance(recipe, Attach | CartEase)
            and recipe.later.hide != asked
        ):
            raise InputError(
                f"ranking.hide={asked}: chances would be learnt from carts with "
                f"{recipe.later.hide} hidden; give model.later.hide={asked}, and the same to "
                "baselines of carts"
            )


def _refuse_cuts(split: Split) -> None:
    if split.cuts > 1 or split.score_at == "end":
        raise InputError(
            "split: a ranking is judged at one cut-off, and its lists are of what comes after it; "
            "choose split=holdout with split.cuts=1"
        )
