"""The training loop against closed forms, and against itself: stopped early, shared, refused."""

import runpy
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch", reason="needs the extra deep")

from lifeworth.engines.likelihood import FitError  # noqa: E402
from lifeworth.engines.task import Batches, Task, Training  # noqa: E402
from lifeworth.engines.training import load_weights, seeded, train  # noqa: E402
from lifeworth.tables.errors import InputError  # noqa: E402

SCRIPT = Path(__file__).with_name("training_script.py")
shared = SimpleNamespace(**runpy.run_path(str(SCRIPT)))
TRAINING, Rows, rows, crossing = shared.TRAINING, shared.Rows, shared.rows, shared.crossing
linear, dropping, squares = shared.linear, shared.dropping, shared.squares
same, same_weights = shared.same, shared.same_weights
pytestmark = pytest.mark.usefixtures("one_thread")


# ---- steps


def test_a_linear_network_finds_the_least_squares():
    """One batch, so that the slope is exact: the end is within a step of the optimum."""
    data = rows(size=60)
    x, y = (a.double().numpy() for a in data.arrays)
    best = np.linalg.lstsq(x, y)[0]
    training = replace(TRAINING, epochs=400, learning_rate=0.03, weight_decay=0.0, clip=1e3)
    done = train(Task(linear(), squares, data, training, 0))
    off = np.abs(done.weights["weight"][0] - best)
    assert off.max() < training.learning_rate < np.abs(best).min() / 10
    least = ((x @ best - y) ** 2).mean()
    excess = np.linalg.eigvalsh(x.T @ x / len(x)).max() * 3 * training.learning_rate**2
    assert least * (1 - 1e-5) < done.curve["loss"].iloc[-1] < least + excess


@pytest.mark.parametrize("epochs", [1, 3])
def test_the_rate_rises_over_the_first_epoch_and_stays(epochs):
    """A constant slope makes every step of Adam as long as the rate."""
    data, training = rows(), replace(TRAINING, weight_decay=0.0)
    done = train(Task(linear(), lambda net, _: net.weight.sum(), data, training, 0, epochs=epochs))
    n = len(data)
    steps = (n + 1) / 2 + (epochs - 1) * n
    # eps = 1e-8 beside a slope of 1/sqrt(3), and a rounding of float32 a step
    expected = np.full((1, 3), -TRAINING.learning_rate * steps)
    np.testing.assert_allclose(done.weights["weight"], expected, rtol=1e-7 * n * epochs)


def test_weights_decay_by_rate_times_decay_a_step():
    data, net, training = rows(size=60), linear(), replace(TRAINING, weight_decay=2.0)
    torch.nn.init.ones_(net.weight)
    done = train(Task(net, lambda net, _: (0.0 * net.weight).sum(), data, training, 0, epochs=5))
    expected = np.full((1, 3), (1 - 2 * TRAINING.learning_rate) ** 5)
    np.testing.assert_allclose(done.weights["weight"], expected, rtol=1e-6)


def test_gradients_are_clipped():
    """Adam moves by rate * m / (sqrt(v) + eps), less than rate * clip / eps where clip is tiny."""
    training = replace(TRAINING, clip=1e-12, weight_decay=0.0)
    done = train(Task(linear(), squares, rows(), training, 0))
    steps, eps = len(rows()) * training.epochs, 1e-8
    moved = np.abs(done.weights["weight"]).max()
    assert 0 < moved < steps * training.learning_rate * training.clip / eps
    assert (
        moved
        < np.abs(train(Task(linear(), squares, rows(), TRAINING, 0)).weights["weight"]).max() / 9
    )


def test_a_mixed_precision_multiplies_in_half_of_it_and_keeps_whole_weights(hardware):
    seen = set()

    def loss(net, batch):
        seen.add(net(batch[0]).dtype)
        return squares(net, batch)

    hardware(precision="bf16-mixed")
    assert train(Task(linear(), loss, rows(), TRAINING, 0)).weights["weight"].dtype == np.float32
    assert seen == {torch.bfloat16}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can see")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_gpu_finds_the_same(hardware, precision):
    def on_gpu(net, batch):
        assert {net.weight.device.type, batch[0].device.type} == {"cuda"}
        return squares(net, batch)

    here = train(Task(linear(), squares, rows(), TRAINING, 0))
    hardware(platform="gpu", precision=precision)
    before = torch.cuda.get_rng_state()
    there = train(Task(linear(), on_gpu, rows(), TRAINING, 0, validation=rows()))
    assert torch.equal(before, torch.cuda.get_rng_state())
    # a step of Adam that rounds the other way is as long as the rate, at worst
    atol = 1e-4 if precision == "32-true" else 10 * TRAINING.learning_rate
    np.testing.assert_allclose(there.weights["weight"], here.weights["weight"], atol=atol)


# ---- epochs


def test_it_stops_when_validation_has_not_improved_and_returns_the_best_epoch():
    data, validation = crossing()
    training = replace(TRAINING, epochs=100, patience=4)
    net = linear(1)
    done = train(Task(net, squares, data, training, 0, validation=validation))
    losses = done.curve.query("part == 'validation'").set_index("epoch")["loss"]
    assert losses.idxmin() == done.epochs
    assert 1 < done.epochs < 50
    assert losses.index[-1] == done.epochs + training.patience
    assert (losses.loc[done.epochs + 1 :] > losses[done.epochs]).all()
    with torch.no_grad():
        batches = [float(squares(net, batch)) for batch in validation.epoch(None)]
    np.testing.assert_allclose(np.mean(batches), losses.min(), rtol=1e-6)


def test_training_for_the_best_number_of_epochs_gives_the_same_bits():
    data, validation = crossing()
    training = replace(TRAINING, epochs=100)
    stopped = train(Task(linear(1), squares, data, training, 0, validation=validation))
    again = train(Task(linear(1), squares, data, training, 0, epochs=stopped.epochs))
    assert same_weights(stopped.weights, again.weights)


def test_the_curve_has_a_row_for_every_epoch_and_part():
    done = train(Task(dropping(), squares, rows(), TRAINING, 0, validation=rows(seed=1)))
    assert list(done.curve.columns) == ["epoch", "part", "loss"]
    assert list(done.curve["epoch"]) == list(np.repeat(np.arange(1, 7), 2))
    assert list(done.curve["part"]) == ["training", "validation"] * 6
    assert np.isfinite(done.curve["loss"]).all()
    alone = train(Task(dropping(), squares, rows(), TRAINING, 0)).curve
    assert list(alone["part"]) == ["training"] * 6


def test_without_validation_the_last_epoch_counts():
    assert train(Task(linear(), squares, rows(), TRAINING, 0)).epochs == TRAINING.epochs
    assert train(Task(linear(), squares, rows(), TRAINING, 0, epochs=2)).epochs == 2


# ---- seeds


def test_a_seed_gives_the_same_bits_whatever_torch_did_before():
    first = train(Task(dropping(), squares, rows(), TRAINING, 5, validation=rows(seed=1)))
    torch.rand(7)
    assert same(
        first, train(Task(dropping(), squares, rows(), TRAINING, 5, validation=rows(seed=1)))
    )


@pytest.mark.parametrize(("net", "size"), [(linear, 8), (dropping, 60)])
def test_another_seed_shuffles_and_drops_otherwise(net, size):
    one, other = (train(Task(net(), squares, rows(size=size), TRAINING, seed)) for seed in (5, 6))
    assert not same_weights(one.weights, other.weights)


def test_generators_are_left_as_they_were():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train(Task(dropping(), squares, rows(), TRAINING, 0))
    with seeded(9):
        first = torch.rand(3)
    assert torch.equal(before, torch.get_rng_state())
    with seeded(9):
        assert torch.equal(first, torch.rand(3))


def test_nothing_but_the_checkpoint_is_left_behind(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    train(Task(linear(), squares, rows(), TRAINING, 0, validation=rows()))
    assert list(tmp_path.iterdir()) == []
    kept = replace(TRAINING, checkpoints="deep/kept")
    train(Task(linear(), squares, rows(), kept, 0, name="lstm"))
    left = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()]
    assert len(left) == 1
    assert left[0].startswith("deep/kept/lstm-")
    assert tuple(capfd.readouterr()) == ("", "")


# ---- devices


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_with_batches_of_twice_the_size(tmp_path):
    """Gradients of means of equal batches average to the gradient of the whole."""
    subprocess.run([sys.executable, SCRIPT, "shared", tmp_path], check=True)
    two, data = np.load(tmp_path / "shared.npz"), rows(n=64, size=16)
    alone = train(Task(shared.tanh(), squares, data, TRAINING, 4, validation=rows(seed=1)))
    assert two["loss"].shape == alone.curve["loss"].shape
    for name, value in alone.weights.items():
        # float32 rounds sums of another order by some 1e-7, and Adam divides by small slopes
        np.testing.assert_allclose(two[name], value, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(two["loss"], alone.curve["loss"], rtol=1e-4)
    assert not np.allclose(alone.weights["0.weight"], shared.tanh()[0].weight.detach())


def test_more_devices_than_batches_are_refused(hardware):
    hardware(devices=9)
    with pytest.raises(FitError, match=r"net has 8 batches of training, it needs 9; "):
        train(Task(linear(), squares, rows(), TRAINING, 0))


# ---- refusals


def test_a_loss_that_is_not_finite_is_refused_with_epoch_and_rate():
    def burst(net, batch):
        return squares(net, batch) / (net.weight.detach() == 0).all()  # as it is in the beginning

    with pytest.raises(FitError) as error:
        train(Task(linear(), burst, rows(size=60), TRAINING, 0, name="lstm"))
    assert str(error.value) == (
        "train: the training loss of lstm is inf in epoch 2; lower learning_rate (0.01)"
    )


def test_too_little_to_train_or_validate_on_is_refused():
    none = rows(n=0)
    with pytest.raises(FitError, match="net has 0 batches of training, it needs 1; give it more"):
        train(Task(linear(), squares, none, TRAINING, 0))
    with pytest.raises(FitError, match="net has 0 batches of validation, it needs 1"):
        train(Task(linear(), squares, rows(), TRAINING, 0, validation=none))
    with pytest.raises(ValueError, match="net for 0 epochs"):
        train(Task(linear(), squares, rows(), TRAINING, 0, epochs=0))


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"clip": 0.0}, {"drop": 1}])
def test_a_training_that_makes_no_sense_is_refused(wrong):
    fields = {k: getattr(TRAINING, k) for k in TRAINING.__dataclass_fields__}
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Training(**fields | wrong)


def test_weights_of_another_network_are_refused():
    with pytest.raises(RuntimeError, match="Missing key"):
        load_weights(linear(), {})
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        load_weights(linear(), {"weight": np.zeros((1, 2), np.float32)})


def test_weights_can_be_read_only_and_come_back_as_they_were():
    done = train(Task(dropping(), squares, rows(), TRAINING, 0))
    for value in done.weights.values():
        value.setflags(write=False)
    net = dropping().train()
    load_weights(net, done.weights)
    assert not net.training
    assert same_weights({k: v.numpy() for k, v in net.state_dict().items()}, done.weights)


def test_a_gpu_that_torch_does_not_see_is_refused(hardware):
    seen = torch.cuda.device_count()
    hardware(platform="gpu", devices=seen + 1)
    with pytest.raises(InputError, match=rf"{seen + 1} GPU.s. are asked for, torch .* sees {seen}"):
        train(Task(linear(), squares, rows(), TRAINING, 0))


def test_ctrl_c_stops_it_as_it_stops_anything():
    class Stopped(Rows):
        def epoch(self, rng):
            signal.raise_signal(signal.SIGINT)
            yield from super().epoch(rng)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(Task(linear(), squares, Stopped(*rows().arrays), TRAINING, 0))
    assert signal.getsignal(signal.SIGINT) is before


def test_batches_have_a_length_and_epochs():
    assert isinstance(rows(), Batches)
    assert not isinstance([], Batches)
