"""The contract: what holds of every model that conf/model names. A new model edits nothing here."""

import datetime as dt
import itertools
import math
import subprocess
import sys
import textwrap
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pytest
import yaml
from ibis import _

from lifeworth.asof import cut
from lifeworth.asof.split import History, latest
from lifeworth.models.core import BLOCK, Fitted, Forecast, Parameter, Recipe, Simulates
from lifeworth.models.store import load, save
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.core import Tables
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate import World
from lifeworth.tables.sources import Cdnow, Simulated

FILES = {
    path.stem: path
    for path in sorted((conf_folder() / "model").glob("*.yaml"))
    if not path.stem.startswith(("uplift_", "personas_", "ranker_", "basket_"))  # have their own
}
FRAME = {
    "customer_id": "str",
    "as_of": "object",
    "horizon_days": "int64",
    "expected_purchases": "float64",
    "p_alive": "float64",
    "p_active": "float64",
    "expected_value": "float64",
    "value_sd": "float64",
    "value_q05": "float64",
    "value_q25": "float64",
    "value_q50": "float64",
    "value_q75": "float64",
    "value_q95": "float64",
}
QUANTILES = [column for column in FRAME if column.startswith("value_q")]
ENDS = ["low", "high", "low_cumulative", "high_cumulative"]
MEANS = {"purchases": "expected_purchases", "value": "expected_value"}
SEED = 5


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A store and where it is cut; the horizon is whole weeks, `earlier` a cut-off before."""

    store: Tables
    cutoff: dt.date
    earlier: dt.date
    horizon: int

    def history(self, cutoff: dt.date | None = None) -> History:
        return cut(self.store, cutoff or self.cutoff, self.horizon)[0]

    def changed(self, **tables) -> "Shop":
        return replace(self, store=replace(self.store, **tables))


@pytest.fixture(scope="module")
def shops() -> dict[str, Shop]:
    """Return real customers in more than one block, and a shop with margin, returns, newcomers."""
    world = World(customers=600, arrival_days=600.0, return_days=60.0)
    return {
        "cdnow": Shop(
            store=Cdnow(which="sample").load(),
            cutoff=dt.date(1997, 10, 1),
            earlier=dt.date(1997, 3, 1),
            horizon=39 * 7,
        ),
        "simulated": Shop(
            store=Simulated(seed=7, world=world).load(),
            cutoff=dt.date(2023, 5, 1),
            earlier=dt.date(2023, 1, 1),
            horizon=26 * 7,
        ),
    }


@pytest.fixture(scope="module", params=["cdnow", "simulated"])
def shop(request: pytest.FixtureRequest, shops: dict[str, Shop]) -> Shop:
    return shops[request.param]


@pytest.fixture(scope="module")
def simulated(shops: dict[str, Shop]) -> Shop:
    return shops["simulated"]


@pytest.fixture(scope="module", params=FILES)
def spelled(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what the YAML of a model says."""
    return yaml.safe_load(FILES[request.param].read_text())


@pytest.fixture(scope="module")
def recipe(spelled: dict[str, Any]) -> Recipe[Any]:
    return built(spelled)


@pytest.fixture(scope="module")
def fitted(recipe: Recipe[Any], shop: Shop) -> Fitted[Any]:
    return recipe.fit(shop.history(), SEED)


@pytest.fixture(scope="module")
def scores(fitted: Fitted[Any], shop: Shop) -> Forecast:
    return fitted.score(shop.history(), shop.horizon)


@pytest.fixture(scope="module")
def draws(scores: Forecast) -> dict[str, np.ndarray]:
    return drawn(scores)


def built(spelled: dict[str, Any]) -> Recipe[Any]:
    """Build what the YAML says, with fewer draws and steps: the contract holds of any number."""
    few = {**spelled, "draws": 100} if "draws" in spelled else dict(spelled)
    if "sampling" in spelled:
        few["sampling"] = {**spelled["sampling"], "draws": 40}
    if "training" in spelled:
        few["training"] = {**spelled["training"], "epochs": 1}
        few |= {"draws": 40, "hidden": 8}
    if "horizons" in spelled:  # two moments: the earlier teaches, the later judges
        few |= {"horizons": [90, 180], "every_days": 90, "moments": 2}
    few |= {name: 2 for name in ("members",) if name in spelled}
    few |= {name: 10 for name in ("trees",) if name in spelled}
    return build("model", few)


def scored(recipe: Recipe[Any], shop: Shop, history: History | None = None) -> Forecast:
    """Fit and score once more."""
    history = history or shop.history()
    return recipe.fit(history, SEED).score(history, shop.horizon)


def drawn(scores: Forecast) -> dict[str, np.ndarray]:
    return scores.draws(slice(None))._asdict()


def assert_same(one: Forecast, other: Forecast) -> None:
    """Agree to the last bit: frames, which know the spread of every draw, weeks, some draws."""
    pd.testing.assert_frame_equal(one.frame, other.frame, check_exact=True)
    pd.testing.assert_frame_equal(one.tracking, other.tracking, check_exact=True)
    for some, others in zip(*(f.draws(slice(-50, None)) for f in (one, other)), strict=True):
        assert np.array_equal(some, others)


def assert_sound(frame: pd.DataFrame, customers: list[str]) -> None:
    """Nobody is lost, nothing is missing, and the numbers can be what they say they are."""
    assert frame.dtypes.astype(str).to_dict() == FRAME
    assert list(frame.columns) == list(FRAME)
    assert frame["customer_id"].tolist() == sorted(customers)
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    numbers = frame[[column for column, kind in FRAME.items() if kind == "float64"]]
    assert np.isfinite(numbers.to_numpy()).all()
    assert (frame["expected_purchases"] >= 0).all()
    assert (frame["p_active"] >= 0).all()
    assert (frame["p_active"] <= frame["p_alive"] + 1e-12).all()
    assert (frame["p_alive"] <= 1).all()
    assert (frame["p_active"] <= frame["expected_purchases"] + 1e-12).all()  # Markov's inequality
    assert (frame["value_sd"] >= 0).all()
    assert (np.diff(frame[QUANTILES].to_numpy(), axis=1) >= 0).all()


def midnight(day: dt.date) -> ibis.Expr:
    return ibis.timestamp(day.isoformat())


def customers_before(shop: Shop, cutoff: dt.date) -> pd.Series:
    """Return how many orders each customer placed before `cutoff`, from the orders themselves."""
    orders = shop.store.orders.select("customer_id", "ordered_at").to_pandas()
    return orders[orders["ordered_at"] < pd.Timestamp(cutoff)]["customer_id"].value_counts()


# ---- recipes


def test_there_are_models_to_test():
    assert "btyd_bgnbd" in FILES


@pytest.mark.parametrize("name", FILES)
def test_a_run_composes_with_the_model(composed, name: str):
    """Named after its room, and built from the fields that its YAML spells out."""
    model = composed(f"model={name}").model
    assert isinstance(model, Recipe)
    assert model == build("model", yaml.safe_load(FILES[name].read_text()))
    assert type(model).__module__.startswith(f"lifeworth.models.{name.split('_')[0]}.")


def test_the_yaml_spells_out_every_field_and_no_other(spelled, recipe):
    assert spelled.keys() - {"_target_"} == {field.name for field in fields(recipe)}


def test_a_recipe_cannot_be_changed(recipe):
    for field in fields(recipe):
        with pytest.raises(FrozenInstanceError):
            setattr(recipe, field.name, getattr(recipe, field.name))
    with pytest.raises(FrozenInstanceError):
        recipe.another_field = 1


def test_a_recipe_takes_its_fields_by_name_only(recipe):
    assert all(field.kw_only for field in fields(recipe))
    with pytest.raises(ValueError, match="unexpected_positional_argument"):
        type(recipe)(*(getattr(recipe, field.name) for field in fields(recipe)))


def test_a_field_that_a_recipe_does_not_have_is_refused_by_name(spelled):
    with pytest.raises(InputError, match=r"^there is no 'model.whim'; it takes "):
        build("model", {**spelled, "whim": "red"})


def test_a_field_of_the_wrong_type_is_refused_by_name(spelled, recipe):
    for field in fields(recipe):
        wrong = 7 if isinstance(spelled[field.name], list) else ["no", "such", "value"]
        with pytest.raises(InputError, match=rf"^model\.{field.name}="):
            build("model", {**spelled, field.name: wrong})


def test_a_field_that_is_left_out_is_asked_for_by_name(spelled, recipe):
    for field in fields(recipe):
        with pytest.raises(InputError, match=rf"^model\.{field.name} is missing; give "):
            build("model", {name: v for name, v in spelled.items() if name != field.name})


# ---- scores


def test_every_customer_of_the_history_has_one_sound_row(scores, shop):
    orders = customers_before(shop, shop.cutoff)
    assert (orders == 1).any()
    assert_sound(scores.frame, orders.index.tolist())
    assert set(scores.frame["as_of"].map(type)) == {dt.date}
    assert set(scores.frame["as_of"]) == {shop.cutoff}
    assert set(scores.frame["horizon_days"]) == {shop.horizon}


def test_a_forecast_knows_more_than_one_number(scores):
    """Customers differ, some are expected to buy, and value is spread around its mean."""
    for column in ("expected_purchases", "p_active", "expected_value", "value_sd"):
        assert scores.frame[column].nunique() > 10
    assert 0 < scores.frame["p_active"].mean() < 1


def test_expected_purchases_rise_with_the_horizon(fitted, shop):
    history = shop.history()
    far = (
        2 if isinstance(fitted, Simulates) else 10
    )  # a future that is rolled forward takes as long
    horizons = (1, 7, shop.horizon, far * shop.horizon)
    frames = [fitted.score(history, horizon).frame for horizon in horizons]
    for frame, horizon in zip(frames, horizons, strict=True):
        assert_sound(frame, frames[0]["customer_id"].tolist())
        assert set(frame["horizon_days"]) == {horizon}
    expected = np.array([frame["expected_purchases"] for frame in frames])
    assert (expected[1:] >= expected[:-1] * (1 - 1e-12)).all()
    assert (np.diff(expected.sum(axis=1)[:3]) > 0).all()  # a short past has no more to say


@pytest.mark.parametrize("kind", MEANS)
def test_draws_have_the_mean_that_is_expected(scores, draws, kind):
    """In sum over all customers and over the better and the lesser half: 5 standard errors."""
    drawn, often = draws[kind], scores.frame["expected_purchases"].to_numpy()
    off = drawn.mean(axis=1) - scores.frame[MEANS[kind]].to_numpy()
    variance = drawn.var(axis=1, ddof=1) / drawn.shape[1]
    better = often > np.median(often)
    for rows in (slice(None), better, ~better):
        assert abs(off[rows].sum()) <= 5 * np.sqrt(variance[rows].sum())


def test_draws_have_the_chance_of_a_purchase_that_is_stated(scores, draws):
    active, p = draws["purchases"] > 0, scores.frame["p_active"].to_numpy()
    noise = np.sqrt((p * (1 - p)).sum() / active.shape[1])
    assert abs(active.mean(axis=1).sum() - p.sum()) < 5 * noise


def test_draws_are_counts_and_no_purchase_is_worth_nothing(scores, draws):
    purchases, value = draws.values()
    assert purchases.shape == value.shape
    assert len(purchases) == len(scores.frame)
    assert (purchases >= 0).all()
    assert (purchases == np.floor(purchases)).all()
    assert (value[purchases == 0] == 0).all()


def test_spread_and_quantiles_are_those_of_the_draws(scores, draws):
    value = draws["value"]
    assert scores.frame["value_sd"].to_numpy() == pytest.approx(value.std(axis=1))
    levels = [int(column.removeprefix("value_q")) / 100 for column in QUANTILES]
    true = np.quantile(value, levels, axis=1).T
    assert scores.frame[QUANTILES].to_numpy() == pytest.approx(true)


def test_the_same_rows_have_the_same_draws(scores, draws):
    """However they are asked for: again, alone, in part, across the border of two blocks."""
    n = len(scores.frame)
    edges = (0, 1, 17, min(BLOCK, n) - 1, min(BLOCK + 1, n), n)
    for kind, whole in draws.items():
        for start, stop in itertools.pairwise(edges):
            part = scores.draws(slice(start, stop))._asdict()[kind]
            assert np.array_equal(part, whole[start:stop])


def test_weeks_are_tracked_from_the_first_order_to_the_end_of_the_horizon(scores, shop):
    weeks = scores.tracking
    numbers = ["expected_purchases", *ENDS]
    assert weeks.dtypes.astype(str).to_dict() == {
        "week_start": "object",
        **dict.fromkeys(numbers, "float64"),
    }
    first = shop.history().tables.orders.ordered_at.min().execute().date()
    starts = weeks["week_start"].tolist()
    assert set(map(type, starts)) == {dt.date}
    assert starts[0] <= first < starts[0] + dt.timedelta(days=7)
    assert {b - a for a, b in itertools.pairwise(starts)} == {dt.timedelta(days=7)}
    assert shop.cutoff in starts
    assert starts[-1] == shop.cutoff + dt.timedelta(days=shop.horizon - 7)
    assert np.isfinite(weeks["expected_purchases"]).all()
    assert (weeks["expected_purchases"] >= 0).all()


def test_the_weeks_of_the_horizon_add_up_to_what_is_expected_of_all(scores, shop):
    ahead = scores.tracking[scores.tracking["week_start"] >= shop.cutoff]
    total = scores.frame["expected_purchases"].sum()
    assert ahead["expected_purchases"].sum() == pytest.approx(total, rel=1e-9)


def test_the_ends_of_the_weeks_are_in_order_and_of_the_horizon_alone(scores, shop):
    ahead = scores.tracking["week_start"] >= shop.cutoff
    weeks, before = scores.tracking[ahead], scores.tracking[~ahead]
    assert before[ENDS].isna().to_numpy().all()
    assert len(before) > 0
    assert (weeks["low"] >= 0).all()
    assert (weeks["low"] <= weeks["high"]).all()
    assert (weeks["low_cumulative"] <= weeks["high_cumulative"]).all()
    assert (np.diff(weeks[["low_cumulative", "high_cumulative"]], axis=0) >= 0).all()
    upto = weeks["expected_purchases"].cumsum()
    assert (weeks["low_cumulative"] <= upto).all()
    assert (upto <= weeks["high_cumulative"]).all()


def test_what_a_fit_tells_is_of_the_documented_form(fitted):
    assert isinstance(fitted, Fitted)
    parameters, notes = fitted.parameters(), fitted.notes()
    assert len({p.name for p in parameters}) == len(parameters)
    for p in parameters:
        assert isinstance(p, Parameter)
        assert math.isfinite(p.estimate)
        assert p.meaning
        bounds = (p.se, p.low, p.high)
        assert all(map(math.isnan, bounds)) or (p.low <= p.estimate <= p.high and p.se >= 0)
    for part, log_likelihood in fitted.log_likelihood().items():
        assert isinstance(part, str)
        assert isinstance(log_likelihood, float)
        assert math.isfinite(log_likelihood)
    assert isinstance(notes, tuple)
    assert all(isinstance(note, str) and note for note in notes)


# ---- the seed


def test_the_same_seed_gives_the_same_scores(recipe, scores, shop):
    assert_same(scored(recipe, shop), scores)


def test_another_seed_gives_other_draws(recipe, draws, shop):
    history = shop.history()
    others = drawn(recipe.fit(history, SEED + 1).score(history, shop.horizon))
    assert not any(np.array_equal(others[kind], same) for kind, same in draws.items())


# ---- kept models


def test_a_saved_model_gives_the_same_scores(fitted, scores, shop, tmp_path):
    save(fitted, tmp_path)
    assert_same(load(tmp_path).score(shop.history(), shop.horizon), scores)


def test_saved_models_give_the_same_scores_in_another_process(simulated, tmp_path):
    """One process for all models, which has only the files and makes no setting."""
    simulated.store.write(tmp_path / "store")
    history, expected = simulated.history(), {}
    for name, path in FILES.items():
        model = built(yaml.safe_load(path.read_text())).fit(history, SEED)
        save(model, tmp_path / name)
        expected[name] = model.score(history, simulated.horizon)
    code = f"""
        import datetime, sys
        from pathlib import Path
        import numpy as np
        from lifeworth.asof import cut
        from lifeworth.models.store import load
        from lifeworth.tables.core import Tables

        folder = Path(sys.argv[1])
        store = Tables.read(folder / "store")
        history, _ = cut(store, {simulated.cutoff!r}, {simulated.horizon})
        for name in {list(FILES)}:
            scores = load(folder / name).score(history, {simulated.horizon})
            scores.frame.to_pickle(folder / name / "frame")
            scores.tracking.to_pickle(folder / name / "tracking")
            np.save(folder / name / "value.npy", scores.draws(slice(None)).value)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    for name, scores in expected.items():
        for part in ("frame", "tracking"):
            found = pd.read_pickle(tmp_path / name / part)
            pd.testing.assert_frame_equal(found, getattr(scores, part), check_exact=True)
        assert np.array_equal(np.load(tmp_path / name / "value.npy"), drawn(scores)["value"])


def test_a_saved_model_holds_no_customer(recipe, simulated, tmp_path):
    """No customer_id, as text or as array; and no array with a row per customer or order."""
    history = simulated.history()
    save(recipe.fit(history, SEED), tmp_path)
    whole = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file())
    orders = history.tables.orders
    for customer in orders.customer_id.to_pandas().unique():
        assert customer.encode() not in whole
        assert customer.encode("utf-32-le") not in whole
    people = orders.customer_id.nunique().execute()
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as arrays:
        lengths = {size for name in arrays.files for size in arrays[name].shape}
    assert lengths.isdisjoint({people, orders.count().execute()})


# ---- what may not matter


def shuffled(table: ibis.Table, seed: int) -> ibis.Table:
    rows = table.to_pyarrow()
    return ibis.memtable(rows.take(np.random.default_rng(seed).permutation(rows.num_rows)))


def test_the_order_of_rows_does_not_matter(recipe, scores, shop):
    mixed = replace(shop, store=shop.store.mapped(lambda name, table: shuffled(table, len(name))))
    one, other = (s.store.orders.order_id.to_pandas().tolist() for s in (shop, mixed))
    assert one != other
    assert sorted(one) == sorted(other)
    assert_same(scored(recipe, mixed), scores)


def test_how_customers_are_called_does_not_matter(recipe, scores, shop):
    """Names that sort alike: the same numbers in the same rows."""

    def renamed(_name: str, table: ibis.Table) -> ibis.Table:
        named = "customer_id" in table.columns
        return table.mutate(customer_id="Ü '" + table.customer_id) if named else table

    other = scored(recipe, replace(shop, store=shop.store.mapped(renamed))).frame
    assert other["customer_id"].tolist() == ("Ü '" + scores.frame["customer_id"]).tolist()
    pd.testing.assert_frame_equal(
        other.drop(columns="customer_id"), scores.frame.drop(columns="customer_id")
    )


def without_future(shop: Shop) -> Tables:
    """Return the store as it was on the morning of the cut-off."""
    at = midnight(shop.cutoff)
    late = _.returned & (_.returned_at >= at)
    orders = shop.store.orders.filter(_.ordered_at < at).mutate(
        returned=late.fill_null(False).ifelse(False, _.returned),
        returned_at=late.fill_null(False).ifelse(ibis.null("timestamp"), _.returned_at),
    )
    store = replace(shop.store, orders=orders)
    if store.events is None:
        return store
    return replace(store, events=store.events.filter(_.happened_at < at))


def poisoned(shop: Shop) -> Tables:
    """Return a store in which everything from the cut-off on is absurd."""
    at, store = midnight(shop.cutoff), shop.store
    after = store.orders.filter(_.ordered_at >= at)
    rich = after.mutate(amount_cents=_.amount_cents + 10**9)
    moved = after.mutate(order_id=_.order_id + "m", ordered_at=at)
    strangers = after.mutate(order_id=_.order_id + "s", customer_id=_.customer_id + "s")
    late = (_.returned & (_.returned_at < at)).fill_null(False) | (
        _.returned & _.returned_at.isnull()
    )
    kept = store.orders.filter(_.ordered_at < at).mutate(
        returned=ibis.literal(True),
        returned_at=late.ifelse(_.returned_at, at),
    )
    return replace(store, orders=ibis.union(kept, rich, moved, strangers))


def test_deleting_all_that_came_after_the_cutoff_changes_nothing(recipe, scores, shop):
    store = without_future(shop)
    gone = shop.store.orders.count().execute() - store.orders.count().execute()
    history = latest(store)
    assert gone > 500
    assert history.cutoff == shop.cutoff
    assert_same(scored(recipe, shop, history), scores)


def test_poisoning_all_that_came_after_the_cutoff_changes_nothing(recipe, scores, shop):
    """Absurd amounts, strangers, moved dates, and everything that was kept comes back."""
    store = poisoned(shop)
    history, future = cut(store, shop.cutoff, shop.horizon)
    assert store.orders.returned.sum().execute() >= history.tables.orders.count().execute()
    assert future.new_customers() > 0
    assert_same(scored(recipe, shop, history), scores)


def test_money_of_another_size_changes_value_alone(recipe, scores, shop):
    """Every amount times three: value is three times what it was, purchases are what they were."""
    cents = [column for column in shop.store.orders.columns if column.endswith("_cents")]
    orders = shop.store.orders.mutate(**{column: 3 * _[column] for column in cents})
    tripled = scored(recipe, shop.changed(orders=orders))
    for column in ("expected_purchases", "p_alive", "p_active"):
        assert tripled.frame[column].tolist() == scores.frame[column].tolist()
    one, other = (f.draws(slice(-50, None)).purchases for f in (tripled, scores))
    assert np.array_equal(one, other)
    for column in ("expected_value", "value_sd", *QUANTILES):
        found, true = (f.frame[column].to_numpy() for f in (tripled, scores))
        assert found == pytest.approx(3 * true, rel=1e-5, abs=1e-6)
    pd.testing.assert_frame_equal(tripled.tracking, scores.tracking, check_exact=True)


# ---- later, and at the edges


def test_a_fit_scores_a_later_history_and_its_new_customers(recipe, shop):
    fitted = recipe.fit(shop.history(shop.earlier), SEED)
    before, now = (customers_before(shop, day).index for day in (shop.earlier, shop.cutoff))
    assert len(now) > len(before)
    frame = fitted.score(shop.history(), shop.horizon).frame
    assert_sound(frame, now.tolist())
    assert set(frame["as_of"]) == {shop.cutoff}


def test_customers_at_the_edges_are_scored_like_any_others(fitted, shop):
    """One first order a second before the cut-off or years ago, 300 at once, one for nothing."""
    last = dt.datetime.combine(shop.cutoff, dt.time()) - dt.timedelta(seconds=1)
    day, some = dt.timedelta(days=1), shop.store.orders.limit(1).to_pyarrow().to_pylist()[0]
    nothing = dict.fromkeys(("discount_cents", "tax_cents", "shipping_cents"), 0)
    edges = {
        "new": [{"ordered_at": last}],
        "old": [{"ordered_at": last - 9_000 * day}],
        "busy": [{"ordered_at": last - i * day} for i in range(300)],
        "at once": [{"ordered_at": last - i * day / 86_400} for i in range(300)],
        "free": [{"ordered_at": last - i * day, "amount_cents": 0, **nothing} for i in (1, 99)],
        "rich": [{"ordered_at": last - i * day, "amount_cents": 10**12} for i in (1, 99)],
        "back": [{"ordered_at": last - i * day, "returned": True} for i in (1, 99)],
    }
    rows = [
        {**some, "returned_at": None, "order_id": f"{who} {i}", "customer_id": who, **order}
        for who, orders in edges.items()
        for i, order in enumerate(orders)
    ]
    schema = shop.store.orders.schema()
    odd = ibis.memtable(pd.DataFrame(rows, columns=list(schema))).cast(schema)
    history = shop.changed(orders=ibis.union(shop.store.orders, odd)).history()
    frame = fitted.score(history, shop.horizon).frame
    assert_sound(frame, [*customers_before(shop, shop.cutoff).index, *edges])


def test_one_customer_can_be_scored_alone(fitted, scores, shop):
    """The store of one customer: what is expected is what was expected among all the others."""
    busiest = scores.frame.loc[scores.frame["expected_purchases"].idxmax()]
    history = shop.history()
    own = history.tables.orders.filter(_.customer_id == busiest["customer_id"])
    alone = replace(history, tables=replace(history.tables, orders=own))
    forecast = fitted.score(alone, shop.horizon)
    frame, drawn = forecast.frame, forecast.draws(slice(None)).purchases[0]
    assert frame["customer_id"].tolist() == [busiest["customer_id"]]
    # of means of futures both are uncertain
    off = 5 * np.sqrt(2 * drawn.var() / len(drawn)) if isinstance(fitted, Simulates) else 0.0
    for column in ("expected_purchases", "p_alive", "p_active"):
        assert frame[column][0] == pytest.approx(busiest[column], rel=1e-6, abs=off)
