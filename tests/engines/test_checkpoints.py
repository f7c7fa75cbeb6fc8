"""Checkpoints: a training that was killed goes on, one that is another's or damaged does not."""

import runpy
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="needs the extra deep")

from lifeworth.engines.task import Task  # noqa: E402
from lifeworth.engines.training import train  # noqa: E402

SCRIPT = Path(__file__).with_name("training_script.py")
shared = SimpleNamespace(**runpy.run_path(str(SCRIPT)))
TRAINING, Rows, rows, crossing = shared.TRAINING, shared.Rows, shared.rows, shared.crossing
linear, dropping, squares = shared.linear, shared.dropping, shared.squares
same, same_weights = shared.same, shared.same_weights
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def kept(tmp_path):
    return replace(TRAINING, checkpoints=str(tmp_path / "kept"))


# ---- checkpoints


def test_a_killed_training_goes_on_to_the_same_bits(tmp_path):
    killed = subprocess.run([sys.executable, SCRIPT, "killed", tmp_path / "killed"], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list((tmp_path / "killed").glob("*.ckpt"))) == 1
    begun, done = [], []
    for folder in ("killed", "whole"):
        data, kept = rows(), replace(TRAINING, checkpoints=str(tmp_path / folder))
        done.append(train(Task(dropping(), squares, data, kept, 4, validation=rows(seed=1))))
        begun.append(data.begun)
    assert begun == [TRAINING.epochs - shared.DONE, TRAINING.epochs]
    assert same(*done)


@pytest.mark.parametrize(
    "chosen",
    [
        {"precision": "32-true"},
        {"precision": "bf16-mixed"},
        pytest.param(
            {"platform": "gpu", "precision": "16-mixed"},
            marks=[
                pytest.mark.gpu,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
            ],
        ),
    ],
    ids=str,
)
def test_a_training_that_failed_goes_on_in_any_precision(kept, tmp_path, hardware, chosen):
    class Failing(Rows):
        def epoch(self, rng):
            if rng is not None and self.begun == 3:
                raise OSError("no such disk")
            yield from super().epoch(rng)

    hardware(**chosen)
    with pytest.raises(OSError, match="no such disk"):
        train(Task(dropping(), squares, Failing(*rows().arrays), kept, 0))
    data = rows()
    on = train(Task(dropping(), squares, data, kept, 0))
    assert data.begun == 3
    whole = replace(kept, checkpoints=str(tmp_path / "whole"))
    assert same(on, train(Task(dropping(), squares, rows(), whole, 0)))


def test_what_is_complete_is_not_trained_again(kept):
    first = train(Task(dropping(), squares, rows(), kept, 0, validation=rows(seed=1)))
    data, net = rows(), dropping()
    again = train(Task(net, squares, data, kept, 0, validation=rows(seed=1)))
    assert data.begun == 0
    assert same(first, again)
    assert not net.training
    assert same_weights({k: v.numpy() for k, v in net.state_dict().items()}, first.weights)


def test_a_training_that_stopped_early_is_complete(kept):
    data, validation = crossing()
    long = replace(kept, epochs=100)
    first = train(Task(linear(1), squares, data, long, 0, validation=validation))
    begun = data.begun
    assert same(first, train(Task(linear(1), squares, data, long, 0, validation=validation)))
    assert data.begun == begun


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-100])


def turn_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def take_another(path):
    train(Task(dropping(), squares, rows(), replace(TRAINING, checkpoints=str(path.parent)), 1))
    (other,) = set(path.parent.iterdir()) - {path}
    other.replace(path)


@pytest.mark.parametrize("harm", [cut_short, turn_a_bit, empty, take_another])
def test_a_damaged_or_foreign_checkpoint_is_ignored_with_a_warning(kept, caplog, harm):
    first = train(Task(dropping(), squares, rows(), kept, 0))
    (path,) = Path(kept.checkpoints).iterdir()
    harm(path)
    data = rows()
    again = train(Task(dropping(), squares, data, kept, 0))
    (said,) = caplog.messages
    assert said.startswith(f"{path} is damaged, or of another training")
    assert data.begun == TRAINING.epochs
    assert same(first, again)


def doubled(net, batch):
    return 2 * squares(net, batch)


def ones():
    net = linear()
    torch.nn.init.ones_(net.weight)
    return net


@pytest.mark.parametrize(
    "changed",
    [
        {"net": ones},
        {"net": dropping},
        {"loss": doubled},
        {"data": rows(seed=2)},
        {"data": rows(n=59)},
        {"seed": 1},
        {"training": {"learning_rate": 0.02}},
        {"validation": rows(seed=1)},
        {"epochs": 2},
        {"name": "other"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_training_has_another_checkpoint(kept, changed):
    def run(net=linear, loss=squares, data=None, training=None, seed=0, **named):
        how = replace(kept, epochs=1, **training or {})
        train(Task(net(), loss, data or rows(), how, seed, **named))

    for told in ({}, {}, changed, changed):
        run(**told)
    assert len(list(Path(kept.checkpoints).iterdir())) == 2


def test_another_hardware_has_another_checkpoint(kept, hardware):
    train(Task(linear(), squares, rows(), kept, 0))
    hardware(precision="bf16-mixed")
    train(Task(linear(), squares, rows(), kept, 0))
    assert len(list(Path(kept.checkpoints).iterdir())) == 2


def test_batches_that_cannot_be_told_apart_are_refused(kept):
    class Words:
        def __len__(self):
            return 1

        def epoch(self, rng):
            del rng
            yield "a batch"

    with pytest.raises(ValueError, match=r"is found in a str.* batches of tensors or arrays"):
        train(Task(linear(), lambda net, _: net.weight.sum(), Words(), kept, 0))
