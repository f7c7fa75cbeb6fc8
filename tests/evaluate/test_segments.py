"""The scorecard by segment: against its measures, its levels, its names."""

import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest
from scipy import special

from lifeworth.evaluate.bootstrap import Resampling
from lifeworth.evaluate.scorecard import forecast_card, stand
from lifeworth.evaluate.segments import (
    CARD,
    COLUMNS,
    FEWEST,
    MOST,
    OTHERS,
    gathered,
    legal,
    segment_card,
    segment_table,
)
from lifeworth.models.core import BLOCK, QUANTILES, Draws, Forecast
from lifeworth.tables.errors import InputError

CUTOFF = dt.date(2024, 3, 1)
PEOPLE = BLOCK + 252
MEASURES = ("bias", "rmse", "crps", "coverage_50", "coverage_90", "pit_distance")


@pytest.fixture(scope="module")
def store():
    """Poisson purchases of 10 each, all at half the true rate in the east; outcomes; labels."""
    rng = np.random.default_rng(7)
    east = np.arange(PEOPLE) % 4 == 0
    rate = rng.gamma(2.0, 1.0, PEOPLE) + 0.1
    done = rng.poisson(np.where(east, 2 * rate, rate)).astype(float)
    drawn = rng.poisson(rate[:, None], (PEOPLE, 100)).astype(float)
    names = [f"c{i:06}" for i in range(PEOPLE)]
    frame = pd.DataFrame({
        "customer_id": names,
        "as_of": CUTOFF,
        "horizon_days": 28,
        "expected_purchases": rate,
        "p_alive": 1.0,
        "p_active": -np.expm1(-rate),
        "expected_value": 10 * rate,
        "value_sd": 10 * drawn.std(axis=1),
        **dict(zip(QUANTILES, np.quantile(10 * drawn, [*QUANTILES.values()], axis=1), strict=True)),
    })  # fmt: skip
    tracking = pd.DataFrame(
        {"week_start": [CUTOFF], "expected_purchases": [rate.sum()]},
    )
    forecast = Forecast(
        frame=frame, tracking=tracking, draws=lambda r: Draws(drawn[r], 10 * drawn[r])
    )
    actual = pd.DataFrame({"customer_id": names, "purchases": done, "value": 10 * done})
    side, size = np.where(east, "east", "west"), np.where(np.arange(PEOPLE) < 7, "few", "many")
    labels = pd.DataFrame({"customer_id": names, "side": side, "size": size})
    return forecast, actual, labels


@pytest.fixture(scope="module")
def table(store):
    forecast, actual, labels = store
    return segment_table(stand(forecast, actual), labels)


def test_one_level_for_everybody_is_the_scorecard(store):
    forecast, actual, labels = store
    weekly = pd.DataFrame({"week_start": [CUTOFF], "purchases": [1]})
    card = forecast_card(forecast, actual, weekly, Resampling(resamples=2))
    (row,) = segment_table(
        stand(forecast, actual), labels[["customer_id"]].assign(all="all")
    ).to_dict("records")
    assert (row["column"], row["level"], row["customers"]) == ("all", "all", PEOPLE)
    for kind in ("purchases", "value"):
        for measure in MEASURES:
            assert row[f"{kind}_{measure}"] == pytest.approx(card[f"{kind}_{measure}"], rel=1e-12)
        assert row[f"{kind}_actual"] * PEOPLE == pytest.approx(card[f"actual_{kind}"])
        assert row[f"{kind}_expected"] * PEOPLE == pytest.approx(card[f"expected_{kind}"])


def test_a_level_is_judged_as_a_store_of_its_own(store, table):
    forecast, actual, labels = store
    rows = np.flatnonzero(labels["side"] == "east")
    draws = forecast.draws(slice(0, PEOPLE))
    alone = Forecast(
        frame=forecast.frame.iloc[rows].reset_index(drop=True),
        tracking=forecast.tracking,
        draws=lambda r: Draws(draws.purchases[rows[r]], draws.value[rows[r]]),
    )
    twin = segment_table(
        stand(alone, actual.iloc[rows]), labels.iloc[rows][["customer_id", "side"]]
    )
    east = table[table["level"] == "east"].reset_index(drop=True)
    pd.testing.assert_frame_equal(twin, east, rtol=1e-12)


def test_the_table_is_tidy_and_finds_the_segment_that_is_wrong(table):
    assert tuple(table.columns) == COLUMNS
    assert list(zip(table["column"], table["level"], strict=True)) == [
        ("side", "east"), ("side", "west"), ("size", "many"), ("size", OTHERS),
    ]  # fmt: skip
    assert table.groupby("column")["customers"].sum().tolist() == [PEOPLE, PEOPLE]
    by = table.set_index("level")
    assert by.loc["east", "purchases_bias"] < -0.4
    assert abs(by.loc["west", "purchases_bias"]) < 0.1
    assert by.loc["east", "value_coverage_90_high"] < 0.9 < by.loc["west", "value_coverage_90"]
    assert by.loc["east", "value_crps"] == pytest.approx(10 * by.loc["east", "purchases_crps"])


def test_intervals_of_coverage_are_those_of_wilson(table):
    n, p = table["customers"].to_numpy(), table["value_coverage_90"].to_numpy()
    z = special.ndtri(0.95)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert table["value_coverage_90_low"].to_numpy() == pytest.approx(middle - half, rel=1e-12)
    assert table["value_coverage_90_high"].to_numpy() == pytest.approx(middle + half, rel=1e-12)


def test_draws_are_read_once_and_a_block_at_a_time(store):
    forecast, actual, labels = store
    read = []

    def draws(rows):
        read.append((rows.start, rows.stop))
        return forecast.draws(rows)

    watched = Forecast(frame=forecast.frame, tracking=forecast.tracking, draws=draws)
    segment_table(stand(watched, actual), labels)
    assert read == [(0, BLOCK), (BLOCK, PEOPLE)]


def test_the_order_of_labels_and_outcomes_does_not_matter(store, table):
    forecast, actual, labels = store
    other = segment_table(stand(forecast, actual.iloc[::-1]), labels.sample(frac=1, random_state=3))
    pd.testing.assert_frame_equal(other, table)


def test_labels_of_other_customers_and_missing_ones_are_refused(store):
    forecast, actual, labels = store
    with pytest.raises(InputError, match="1 in one list only, such as 'c000000'; label the"):
        segment_table(stand(forecast, actual), labels.iloc[1:])
    with pytest.raises(InputError, match="2,301 customers are labelled and 2,300 were scored, 0"):
        segment_table(stand(forecast, actual), pd.concat([labels, labels.iloc[:1]]))
    gone = labels.assign(side=labels["side"].where(labels.index != 4))
    with pytest.raises(InputError, match="1 of 2,300 customers have no side, first 'c000004'"):
        segment_table(stand(forecast, actual), gone)


def test_small_levels_and_those_beyond_the_largest_are_gathered():
    sizes = {f"l{i:02}": 30 for i in range(MOST + 2)} | {"tiny": FEWEST - 1, "zz": 31}
    levels = pd.Series(np.repeat(list(sizes), list(sizes.values())))
    count = gathered(levels).value_counts().to_dict()
    kept = ["zz", *(f"l{i:02}" for i in range(MOST - 1))]
    assert count == {level: sizes[level] for level in kept} | {OTHERS: 3 * 30 + FEWEST - 1}


def test_the_card_has_the_numbers_of_the_table(table):
    card = segment_card(table)
    worst = [f"{kind}_coverage_90_worst/{c}" for kind in ("purchases", "value") for c in
             ("side", "size")]  # fmt: skip
    levels = ["side/east", "side/west", "size/many", "size/_others_"]
    assert set(card) == {*worst, *(f"{metric}/{level}" for metric in CARD for level in levels)}
    assert all(type(number) is float for number in card.values())
    east = table[table["level"] == "east"].iloc[0]
    assert card["value_bias/side/east"] == east["value_bias"]
    assert card["value_coverage_90_worst/side"] == east["value_coverage_90"]
    many = table[table["level"] == "many"].iloc[0]  # seven others are too few to be the worst
    assert card["value_coverage_90_worst/size"] == many["value_coverage_90"]


def test_where_nobody_bought_there_is_no_bias(store):
    forecast, actual, labels = store
    nothing = actual.assign(purchases=0.0, value=0.0)
    table = segment_table(stand(forecast, nothing), labels)
    assert table["value_bias"].isna().all()
    card = segment_card(table)
    assert not [name for name in card if "bias" in name]
    assert np.isfinite(list(card.values())).all()


@pytest.mark.parametrize(
    "names",
    [
        ["A/B", "A+B", "A_B", "A?B"],
        [".", "..", "", "_", "__", "/", "//"],
        ["x" * 300 + "1", "x" * 300 + "2", "x" * 80],
        ["Côte d'Ivoire", "España", "a\nb", "a\tb", "50%", OTHERS],
    ],
)
def test_names_are_legal_metrics_and_stay_different(names):
    made = legal(names)
    assert len({*made}) == len(names)
    assert all(old == new for old, new in zip(names, made, strict=True) if old in ("A_B", "_"))
    for name in made:
        key = f"purchases_coverage_90/{made[0]}/{name}"
        assert re.fullmatch(r"[\w.\- :/]{1,250}", key)
        assert key.count("/") == 2
        assert name.strip(".")


def test_mlflow_takes_the_names():
    validation = pytest.importorskip("mlflow.utils.validation")
    names = legal(["A/B", ".", "..", "", "Côte d'Ivoire", "x" * 300, " padded ", OTHERS])
    for name in names:
        validation._validate_metric(f"value_crps/{name}/{name}", 1.0, 0, 0)
