"""What holds of every uplift recipe that conf/model names, on customers whose effects are known."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.models.store import load, save
from lifeworth.models.uplift.trial import Trial
from lifeworth.run.conf import conf_folder
from lifeworth.run.config import build
from lifeworth.tables.errors import InputError

FILES = {p.stem: p for p in sorted((conf_folder() / "model").glob("uplift_*.yaml"))}
TELLS = sorted(set(FILES) - {"uplift_none"})
CUSTOMERS = 4_000
SECOND = 0.5


def simulated(seed: int, customers: int = CUSTOMERS, *, varied: bool = False) -> Trial:
    """Return a trial with effect 2 for those with x1 > 0 of the first offer, .5 of the second."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame(rng.normal(size=(customers, 3)), columns=["x1", "x2", "x3"])
    x["colour"] = rng.choice(["red", "blue"], customers)
    chance = np.tile([0.4, 0.3, 0.3], (customers, 1))
    if varied:
        chance[x["x2"] > 0] = [0.2, 0.5, 0.3]
    arm = (rng.random(customers)[:, None] > chance.cumsum(axis=1)).sum(axis=1)
    outcome = x["x2"] + true_effects(x)[np.arange(customers), arm] + rng.normal(size=customers)
    return Trial(
        customer_id=np.array([f"c{i:05d}" for i in range(customers)], dtype=object),
        features=x,
        arm=arm.astype(np.int64),
        arms=("control", "first", "second"),
        propensity=chance[np.arange(customers), arm],
        outcome=outcome.to_numpy(),
        cost=np.where(arm == 1, 3.0, 0.0),
    )


def true_effects(x: pd.DataFrame) -> np.ndarray:
    first = 2.0 * (x["x1"] > 0).to_numpy()
    return np.column_stack([np.zeros(len(x)), first, np.full(len(x), SECOND)])


@pytest.fixture(scope="module")
def trial() -> Trial:
    return simulated(1)


@pytest.fixture(scope="module", params=FILES)
def named(request: pytest.FixtureRequest) -> tuple[str, Any]:
    spelled = yaml.safe_load(FILES[request.param].read_text())
    assert set(spelled) - {"_target_"} == {f.name for f in fields(build("model", spelled))}
    few = {**spelled, "settings": {"max_iter": 40, "min_samples_leaf": 50}}
    return request.param, build("model", few | ({"trees": 40} if "trees" in few else {}))


@pytest.fixture(scope="module")
def fitted(named: tuple[str, Any], trial: Trial) -> Any:
    return named[1].fit(trial, 5)


def test_a_recipe_is_frozen(named) -> None:
    with pytest.raises(FrozenInstanceError):
        named[1].folds = 7


def test_average_effects_are_right(fitted) -> None:
    """Within 4 standard errors: 1 for the first arm, .5 for the second."""
    apart = np.abs(fitted.average - [1.0, SECOND]) / fitted.average_error
    assert (apart < 4).all()
    assert (fitted.average_error < 0.06).all()  # sd about 1, 1,200 of an arm: 1 / sqrt(1200) x 1.4


def test_effects_of_new_customers_are_told_apart(named, fitted) -> None:
    new = simulated(2, 2_000).features
    said, true = fitted.effects(new), true_effects(new)
    assert said.value.shape == true.shape
    assert (said.value[:, 0] == 0).all()
    if named[0] == "uplift_none":
        assert np.ptp(said.value[:, 1]) == 0
        return
    assert np.corrcoef(said.value[:, 1], true[:, 1])[0, 1] > 0.9
    # half of the variance that the mean leaves over is explained, and the constant arm is shrunken
    assert np.mean((said.value[:, 1] - true[:, 1]) ** 2) < 0.25
    assert said.value[:, 2].std() < 0.25


def test_costs_are_those_of_the_arms(fitted, trial) -> None:
    np.testing.assert_array_equal(fitted.effects(trial.features).cost[:3], [[0.0, 3.0, 0.0]] * 3)


def test_the_same_seed_gives_the_same_effects_and_so_does_what_was_kept(
    named, fitted, trial, tmp_path: Path
) -> None:
    said = fitted.effects(trial.features).value
    np.testing.assert_array_equal(named[1].fit(trial, 5).effects(trial.features).value, said)
    save(fitted, tmp_path)
    np.testing.assert_array_equal(load(tmp_path).effects(trial.features).value, said)


def test_the_order_of_customers_asked_about_does_not_matter(fitted, trial) -> None:
    said = fitted.effects(trial.features).value
    turned = fitted.effects(trial.features.iloc[::-1]).value[::-1]
    np.testing.assert_allclose(turned, said, rtol=1e-12, atol=1e-12)


def test_chances_that_vary_do_not_bias(named) -> None:
    """x2 raises both the outcome and the chance of the first arm; its effect stays 1."""
    fitted = named[1].fit(simulated(3, varied=True), 5)
    assert abs(fitted.average[0] - 1.0) < 4 * fitted.average_error[0]


def test_a_missing_feature_is_named(fitted, trial) -> None:
    with pytest.raises(InputError, match="1 of 4 features are missing, first 'x3'"):
        fitted.effects(trial.features.drop(columns="x3"))


def test_parameters_name_average_and_slope(fitted) -> None:
    names = [p.name for p in fitted.parameters()]
    assert names == ["average_first", "average_second", "slope_first", "slope_second"]
    assert fitted.log_likelihood() == {}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"learner": "HistGradientBoosting"}, "no regressor or classifier 'HistGradientBoosting'"),
        ({"settings": {"max_itre": 3}}, "does not take them"),
        ({"settings": {"max_iter": -3}}, "cannot learn with them"),
        ({"learner": "LogisticRegression", "settings": {}}, "tells yes from no"),
    ],
)
def test_wrong_learners_are_named(trial, change, says) -> None:
    spelled = yaml.safe_load(FILES["uplift_t_learner"].read_text())
    with pytest.raises(InputError, match=says):
        build("model", spelled | change).fit(trial, 0)


def test_a_classifier_and_a_linear_model_serve(trial) -> None:
    spelled = yaml.safe_load(FILES["uplift_t_learner"].read_text())
    yes = Trial(**{**vars(trial), "outcome": (trial.outcome > 1).astype(float)})
    linear = {"learner": "LinearRegression", "settings": {}}
    chance = build("model", spelled | {"learner": "LogisticRegression", "settings": {}})
    both = chance.fit(yes, 0), build("model", spelled | linear).fit(trial, 0)
    assert (np.abs(both[0].effects(trial.features).raw) <= 1).all()
    assert abs(both[1].average[1] - SECOND) < 4 * both[1].average_error[1]


def test_an_arm_of_few_customers_is_refused(trial) -> None:
    with pytest.raises(InputError, match=r"arm 'second' has \d+ customers"):
        trial.rows(np.flatnonzero((trial.arm < 2) | (np.arange(len(trial.arm)) < 60)))


def test_effects_that_noise_makes_are_shrunken_away() -> None:
    """No effect differs: the slope is near 0 and shrunken effects lie closer to the truth."""
    trial = simulated(4)
    flat = Trial(**{**vars(trial), "outcome": trial.outcome - true_effects(trial.features)[
        np.arange(CUSTOMERS), trial.arm]})  # fmt: skip
    spelled = yaml.safe_load(FILES["uplift_t_learner"].read_text())
    said = build("model", spelled).fit(flat, 0).effects(flat.features)
    assert (said.value[:, 1:] ** 2).mean() < (said.raw[:, 1:] ** 2).mean() / 4
