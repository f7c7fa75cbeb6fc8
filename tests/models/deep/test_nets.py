"""The networks: nobody's heads depend on who is beside them; where training begins."""

import numpy as np
import pytest
import torch

from lifeworth.engines.training import seeded
from lifeworth.models.deep.batches import padded
from lifeworth.models.deep.examples import Targets
from lifeworth.models.deep.math import counts_mean, head_of
from lifeworth.models.deep.members import heads_of, population
from lifeworth.models.deep.nets import HistoryNet, NetShape

LENGTHS = [1, 9, 4, 0, 2, 7]
INTERVALS = 2


def net_of(kind, seed=0, **changed):
    shape = {
        "kind": kind, "kinds": 2, "categories": 4, "wide": 4, "intervals": INTERVALS,
        "based": False, "hidden": 8, "layers": 1, "dropout": 0.0,
    }  # fmt: skip
    with seeded(seed):
        return HistoryNet(NetShape(**(shape | changed))).eval()


@pytest.fixture(scope="module")
def inputs(random_inputs):
    return random_inputs(LENGTHS)


def heads(net, inputs, rows):
    with torch.no_grad():
        return net(padded(inputs, np.array(rows)))


@pytest.mark.parametrize("kind", ["lstm", "wide_and_deep"])
@pytest.mark.parametrize("layers", [1, 2])
def test_heads_do_not_depend_on_who_is_in_the_batch(inputs, kind, layers):
    """Padded to nine events, or alone: a padded step is never read."""
    net = net_of(kind, layers=layers)
    together = heads(net, inputs, range(len(LENGTHS)))
    assert together.shape == (len(LENGTHS), INTERVALS, 5)
    for row in range(len(LENGTHS)):
        torch.testing.assert_close(heads(net, inputs, [row])[0], together[row], rtol=0, atol=1e-6)
    assert together.std(dim=0).min() > 1e-4


def test_heads_come_back_in_the_order_of_the_customers(inputs):
    """They are read in the order of their lengths."""
    nets = [net_of("wide_and_deep", seed) for seed in range(2)]
    found = heads_of(nets, inputs, "ziln")
    for member, net in enumerate(nets):
        each = head_of(heads(net, inputs, range(len(LENGTHS))))
        for name, part in each._asdict().items():
            np.testing.assert_allclose(getattr(found, name)[member], part, rtol=0, atol=1e-5)


def test_what_stands_in_padded_steps_does_not_matter(inputs):
    net, seen = net_of("wide_and_deep"), padded(inputs, np.arange(len(LENGTHS)))
    beyond = torch.arange(seen.kind.shape[1]) >= seen.length[:, None]
    odd = seen._replace(
        numbers=torch.where(beyond[..., None], 1e6, seen.numbers),
        kind=torch.where(beyond, 1, seen.kind),
    )
    with torch.no_grad():
        assert torch.equal(net(odd), net(seen))


def test_the_state_is_that_of_an_lstm_after_the_last_event(inputs):
    """Step by step, one customer after another."""
    reader = net_of("lstm").reader
    seen = padded(inputs, np.arange(len(LENGTHS)))
    with torch.no_grad():
        found = reader(seen)
        for row, length in enumerate(LENGTHS):
            state, out = None, reader.nothing
            for event in range(length):
                told = (
                    seen.numbers[row, event],
                    reader.kind(seen.kind[row, event]),
                    reader.category(seen.category[row, event]),
                )
                entered = torch.tanh(reader.enter(torch.cat(told)))
                step, state = reader.lstm(entered[None, None], state)
                out = step[0, 0]
            torch.testing.assert_close(found[row], out, rtol=0, atol=1e-6)


def test_who_has_no_event_has_the_learnt_state(inputs):
    reader = net_of("lstm").reader
    with torch.no_grad():
        reader.nothing.copy_(torch.arange(8.0))
        found = reader(padded(inputs, np.arange(len(LENGTHS))))
    assert torch.equal(found[LENGTHS.index(0)], torch.arange(8.0))
    assert not (found[:3] == torch.arange(8.0)).any()


def test_the_state_of_nobody_is_learnt(inputs):
    reader = net_of("lstm").reader
    for rows, moved in (([3], True), ([0, 1], False)):
        reader.zero_grad()
        reader(padded(inputs, np.array(rows))).sum().backward()
        assert bool(reader.nothing.grad.any()) == moved


def test_the_lstm_alone_reads_no_wide_column_and_both_read_the_clock(inputs):
    for kind in ("lstm", "wide_and_deep"):
        net, seen = net_of(kind), padded(inputs, np.arange(3))
        with torch.no_grad():
            plain = net(seen)
            assert torch.equal(net(seen._replace(wide=seen.wide + 1.0)), plain) == (kind == "lstm")
            assert not torch.equal(net(seen._replace(clock=seen.clock + 1.0)), plain)


# ---- where training begins


def happened():
    """Return what 500 customers did in two intervals; the second is over for half of them."""
    rng = np.random.default_rng(5)
    n = np.where(rng.random((500, 2)) < 0.4, 1.0 + rng.poisson(0.7, (500, 2)), 0.0)
    y = np.where(n > 0, np.exp(rng.normal(0.3, 0.8, (500, 2))), 0.0)
    seen = np.stack([np.ones(500, dtype=bool), np.arange(500) < 250], axis=1)
    return Targets(n.astype(np.float32), y.astype(np.float32), seen)


def test_the_population_is_what_the_examples_did_on_average():
    targets = happened()
    head = head_of(population(targets, based=False))
    for i in range(INTERVALS):
        n, y = (c[targets.seen[:, i], i] for c in (targets.purchases, targets.value))
        half = 0.5 / (len(n) + 1.0)  # of half a buyer among one more
        assert float(head.logit[i].sigmoid()) == pytest.approx((n > 0).mean(), abs=half + 1e-6)
        assert float(counts_mean(head.counts)[i]) == pytest.approx(n.mean(), rel=0.01)
        logs = np.log(y[y > 0])
        assert float(head.loc[i]) == pytest.approx(logs.mean(), rel=1e-5)
        # a scale of 0.8 is read as 0.02 more, and levels off towards 2.5
        assert float(head.scale[i]) == pytest.approx(logs.std(), rel=0.2)


@pytest.mark.parametrize("kind", ["lstm", "wide_and_deep"])
def test_training_begins_with_the_heads_of_the_population(inputs, kind):
    """To the bit where the last weights are 0; as they are drawn, a tenth as far off as before."""
    start = population(happened(), based=False)
    net = net_of(kind)
    bare = heads(net, inputs, range(6)) - net.out.bias.detach().reshape(INTERVALS, 5)
    if net.wide is not None:
        bare = bare - net.wide.bias.detach().reshape(INTERVALS, 5)
    net.start_at(start)
    off = heads(net, inputs, range(6)) - start
    torch.testing.assert_close(off, 0.1 * bare, rtol=0, atol=1e-6)
    assert off.abs().max() < 0.5
    with torch.no_grad():
        for layer in filter(None, (net.out, net.wide)):
            layer.weight.zero_()
    assert torch.equal(heads(net, inputs, range(6)), start.expand(6, -1, -1))


def test_heads_are_added_to_where_they_begin(inputs):
    """Of a net whose last layer is 0, they are that."""
    net = net_of("wide_and_deep", based=True)
    with torch.no_grad():
        for layer in (net.out, net.wide):
            layer.weight.zero_()
            layer.bias.zero_()
    rows = np.arange(len(LENGTHS))
    assert torch.equal(heads(net, inputs, rows), torch.from_numpy(inputs.base))
