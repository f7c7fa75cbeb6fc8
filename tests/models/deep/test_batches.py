"""Batches against the flat events: everybody once, padded at the end, some without their past."""

import numpy as np
import pytest
import torch

from lifeworth.models.deep.batches import TOGETHER, Blind, ExampleBatches, padded
from lifeworth.models.deep.examples import Examples, Targets

LENGTHS = np.random.default_rng(1).integers(0, 9, 203)
SIZE = 8


def examples_of(inputs):
    """Return examples whose purchases number the customers."""
    n = np.arange(inputs.customers, dtype=np.float32)[:, None]
    return Examples(inputs, Targets(n, 2.0 * n, np.ones(n.shape, dtype=bool)))


@pytest.fixture(scope="module")
def inputs(random_inputs):
    return random_inputs(LENGTHS)


@pytest.fixture(scope="module")
def examples(inputs):
    return examples_of(inputs)


def customers(batch):
    return batch.purchases[:, 0].long().numpy()


def same(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip((*one.seen, *one[1:]), (*other.seen, *other[1:]), strict=True)
    )


def test_padded_rows_are_the_flat_events_and_nothing_after_them(inputs):
    rows = np.array([5, 3, 202, 3, 0])
    seen = padded(inputs, rows)
    assert seen.numbers.shape == (5, LENGTHS[rows].max(), 4)
    for place, row in enumerate(rows):
        own = slice(inputs.start[row], inputs.start[row] + LENGTHS[row])
        assert seen.length[place] == LENGTHS[row]
        for name in ("numbers", "kind", "category"):
            padding = getattr(seen, name)[place].numpy()
            assert np.array_equal(padding[: LENGTHS[row]], getattr(inputs, name)[own])
            assert not padding[LENGTHS[row] :].any()
        assert np.array_equal(seen.clock[place], inputs.clock[row])
        assert np.array_equal(seen.wide[place], inputs.wide[row])


def test_who_has_no_event_has_one_empty_step(random_inputs):
    seen = padded(random_inputs([0, 0]), np.array([0, 1]))
    assert seen.length.tolist() == [0, 0]
    assert seen.numbers.shape == (2, 1, 4)
    assert not seen.numbers.any()


@pytest.mark.parametrize("seed", [None, 0, 1])
def test_an_epoch_has_everybody_once_with_their_own_targets(examples, seed):
    batches = ExampleBatches(examples, SIZE)
    rng = None if seed is None else np.random.default_rng(seed)
    found = list(batches.epoch(rng))
    assert len(found) == len(batches) == -(-len(LENGTHS) // SIZE)
    assert [len(customers(batch)) for batch in found if len(customers(batch)) != SIZE] == [3]
    order = np.concatenate([customers(batch) for batch in found])
    assert sorted(order) == list(range(len(LENGTHS)))
    assert (order.tolist() == sorted(order)) == (seed is None)
    for batch in found:
        assert np.array_equal(batch.seen.length, LENGTHS[customers(batch)])
        assert torch.equal(batch.value, 2.0 * batch.purchases)


def test_the_order_is_that_of_the_generator(examples):
    batches = ExampleBatches(examples, SIZE)
    first, again, other = (list(batches.epoch(np.random.default_rng(s))) for s in (3, 3, 4))
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not all(same(a, b) for a, b in zip(first, other, strict=True))


def test_customers_of_like_length_are_together(examples):
    """Within a stretch of 16 batches lengths are sorted: padding is what a sort leaves at most."""
    found = list(ExampleBatches(examples, SIZE).epoch(np.random.default_rng(0)))
    padding = sum(batch.seen.kind.numel() for batch in found) - LENGTHS.sum()
    stretches = -(-len(LENGTHS) // (TOGETHER * SIZE))
    assert padding <= SIZE * (LENGTHS.max() * stretches + len(found))
    apart = list(ExampleBatches(examples, SIZE).epoch(None))
    assert padding < 0.3 * (sum(batch.seen.kind.numel() for batch in apart) - LENGTHS.sum())


# ---- without their past


AS_OF = 3
"""Wide columns of the past; the fourth is known of newcomers, too."""


NOBODY = np.arange(10.0).reshape(2, 5)
"""Where the heads of who has no past begin."""


def blinded(examples, share):
    return ExampleBatches(examples, SIZE, Blind(share, AS_OF, NOBODY))


def test_who_is_shown_without_their_past_has_no_events_and_mean_columns(examples, inputs):
    hidden = 0
    for batch in blinded(examples, 0.5).epoch(np.random.default_rng(0)):
        rows, seen = customers(batch), batch.seen
        none = (seen.wide[:, :AS_OF] == 0).all(dim=1).numpy()
        hidden += none.sum()
        assert (seen.length[none] == 0).all()
        assert (seen.clock[none] == 0).all()
        assert (seen.base[none].numpy() == NOBODY).all()
        assert np.array_equal(seen.base[~none], inputs.base[rows[~none]])
        assert np.array_equal(seen.wide[:, AS_OF:], inputs.wide[rows, AS_OF:])
        assert np.array_equal(seen.wide[~none], inputs.wide[rows[~none]])
        assert np.array_equal(seen.clock[~none], inputs.clock[rows[~none]])
        assert np.array_equal(seen.length[~none], LENGTHS[rows[~none]])
        assert torch.equal(batch.value, 2.0 * batch.purchases)
    # 5 standard deviations of a binomial
    assert abs(hidden - 0.5 * len(LENGTHS)) < 5 * np.sqrt(0.25 * len(LENGTHS))


def test_in_order_nobody_is_hidden(examples):
    plain = ExampleBatches(examples, SIZE).epoch(None)
    assert all(same(a, b) for a, b in zip(blinded(examples, 0.5).epoch(None), plain, strict=True))


def test_hiding_some_changes_nothing_of_the_examples(examples, inputs):
    before = [part.copy() for part in inputs]
    list(blinded(examples, 0.9).epoch(np.random.default_rng(0)))
    assert all(np.array_equal(a, b) for a, b in zip(before, inputs, strict=True))
