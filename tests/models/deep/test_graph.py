"""Messages between customers, counted by hand; who is linked to nobody is told alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from lifeworth.engines.training import seeded
from lifeworth.models.deep.examples import Targets
from lifeworth.models.deep.graph import Graph, GraphBatches, SageNet, graph_of
from lifeworth.models.deep.losses import OBJECTIVES
from lifeworth.models.deep.math import head_loss, head_of

IDS = np.array(["a", "b", "c", "d"], dtype=object)
PAIRS = [("a", "x"), ("b", "x"), ("b", "y"), ("c", "y")]
GROUPS = ("x", "y")
ALONE = 3
COLUMNS = np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 4.0], [7.0, 7.0]], dtype=np.float32)
INTERVALS = 2


def pairs_of(pairs):
    return pd.DataFrame(pairs, columns=["customer_id", "group"], dtype=object)


def graph(columns=COLUMNS, pairs=PAIRS, groups=GROUPS, ids=IDS, intervals=INTERVALS):
    base = np.random.default_rng(2).standard_normal((len(ids), intervals, 5)).astype(np.float32)
    return graph_of(ids, columns, base, pairs_of(pairs), groups)


def net_of(rounds=2, *, based=False):
    """Return a network with weights drawn by chance, no bias of them 0."""
    with seeded(4):
        return SageNet(2, INTERVALS, 3, rounds, based=based).eval()


def told(net, seen, known=None):
    with torch.no_grad():
        return net.told(seen, known)


def set_to(layer, weight, bias=None):
    with torch.no_grad():
        layer.weight.copy_(torch.as_tensor(weight, dtype=torch.float32))
        if layer.bias is not None:
            layer.bias.copy_(torch.as_tensor(0.0 if bias is None else bias))


def test_groups_say_the_mean_of_their_customers_and_customers_hear_the_mean_of_their_groups():
    """Messages as they are, oneself tenfold: x says (2, 1), y says (4, 3), b hears (3, 2)."""
    net, one = SageNet(2, 1, 2, 1, based=False), np.eye(2)
    set_to(net.enter[0], one)
    for layer, oneself in ((net.gather[0], 99.0), (net.spread[0], 10.0)):
        set_to(layer.lin_l, one)
        set_to(layer.lin_r, oneself * one)
    set_to(net.out, np.eye(5, 4))  # own columns, then the state
    raw, said = told(net, graph(intervals=1))
    assert said[0].tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert raw[:, 0].tolist() == [
        [1.0, 0.0, 10.0 + 2.0, 0.0 + 1.0, 0.0],
        [3.0, 2.0, 30.0 + 3.0, 20.0 + 2.0, 0.0],
        [5.0, 4.0, 50.0 + 4.0, 40.0 + 3.0, 0.0],
        [7.0, 7.0, 70.0, 70.0, 0.0],
    ]


def by_hand(net, seen):
    """Return raw heads by tables of who is in which group, each divided by how many there are."""
    there = torch.zeros(len(IDS), len(GROUPS))
    there[seen.customer, seen.group] = 1.0
    of_groups = there.T / there.sum(dim=0)[:, None]
    of_customers = there / there.sum(dim=1, keepdim=True).clamp(min=1.0)
    own = state = (seen.columns @ net.enter[0].weight.T + net.enter[0].bias).clamp(min=0)
    for gather, spread in zip(net.gather, net.spread, strict=True):
        met = of_groups @ state @ gather.lin_l.weight.T + gather.lin_l.bias
        heard = of_customers @ met.clamp(min=0) @ spread.lin_l.weight.T + spread.lin_l.bias
        state = (heard + state @ spread.lin_r.weight.T).clamp(min=0)
    raw = torch.cat([own, state], dim=-1) @ net.out.weight.T + net.out.bias
    return raw.reshape(len(IDS), INTERVALS, 5)


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_rounds_of_messages_are_products_of_matrices(rounds):
    net, seen = net_of(rounds), graph()
    raw, said = told(net, seen)
    with torch.no_grad():
        torch.testing.assert_close(raw, by_hand(net, seen), rtol=0, atol=1e-5)
    assert said.shape == (rounds, len(GROUPS), 3)
    assert raw.std(dim=0).min() > 1e-4


def test_a_second_round_reaches_customers_of_customers():
    """From c by y to b, by x to a: one round does not bring it there."""
    other = COLUMNS.copy()
    other[2] += 50.0
    for rounds, reached in ((1, False), (2, True)):
        net = net_of(rounds)
        with torch.no_grad():
            for layer in (*net.gather, *net.spread):
                layer.lin_l.bias.fill_(1.0)  # no message is cut off at 0
                layer.lin_l.weight.abs_()
            net.enter[0].weight.abs_()
        before, after = (told(net, graph(columns))[0] for columns in (COLUMNS, other))
        assert torch.equal(after[0], before[0]) != reached
        assert not torch.equal(after[1], before[1])


def test_who_is_in_no_group_is_told_by_their_own_columns_alone():
    """Whoever else is there: others who differ, other links, nobody at all."""
    net = net_of()
    before, _ = told(net, graph())
    changed = np.where(np.arange(4)[:, None] == ALONE, COLUMNS, COLUMNS + 3.0)
    for seen in (graph(changed), graph(pairs=PAIRS[:2]), graph(pairs=[])):
        torch.testing.assert_close(told(net, seen)[0][ALONE], before[ALONE], rtol=0, atol=1e-6)
    alone = graph(COLUMNS[ALONE:], [], (), IDS[ALONE:])
    torch.testing.assert_close(told(net, alone)[0][0], before[ALONE], rtol=0, atol=1e-6)
    assert not torch.allclose(told(net, graph(changed))[0][:ALONE], before[:ALONE], atol=1e-3)


def test_an_unrelated_customer_changes_nobody():
    """Alone, or with a group of their own; a newcomer to a group of others changes these."""
    net, ids = net_of(), np.array([*IDS, "e"], dtype=object)
    columns, (before, _) = np.vstack([COLUMNS, [[9.0, 1.0]]]).astype(np.float32), told(net, graph())

    def with_newcomer(*groups):
        pairs = [*PAIRS, *(("e", group) for group in groups)]
        return told(net, graph(columns, pairs, ("x", "y", "z"), ids))[0][:4]

    for groups in ((), ("z",)):
        torch.testing.assert_close(with_newcomer(*groups), before, rtol=0, atol=1e-6)
    assert not torch.allclose(with_newcomer("x"), before, atol=1e-3)


def test_what_groups_said_stays_whoever_is_in_them_now():
    """Each customer scored alone, by the groups of the fit: as among all others."""
    net, seen = net_of(), graph()
    raw, said = told(net, seen)
    for row, customer in enumerate(IDS):
        own = [pair for pair in PAIRS if pair[0] == customer]
        alone = graph(COLUMNS[[row]], own, GROUPS, IDS[[row]])
        torch.testing.assert_close(told(net, alone, said)[0][0], raw[row], rtol=0, atol=1e-6)
    assert not torch.allclose(told(net, seen, said + 1.0)[0][:ALONE], raw[:ALONE], atol=1e-3)


def test_heads_are_added_to_where_they_begin():
    seen = graph()
    torch.testing.assert_close(
        told(net_of(based=True), seen)[0], told(net_of(), seen)[0] + seen.base
    )


def test_training_begins_with_the_heads_of_the_population():
    """As the last weights are drawn, a tenth as far off as before."""
    start = torch.linspace(-2.0, 2.0, 5 * INTERVALS).reshape(INTERVALS, 5)
    net, seen = net_of(), graph()
    bare = told(net, seen)[0] - net.out.bias.detach().reshape(INTERVALS, 5)
    net.start_at(start)
    torch.testing.assert_close(told(net, seen)[0] - start, 0.1 * bare, rtol=0, atol=1e-5)


# ---- graphs


def test_a_graph_keeps_the_groups_it_is_asked_for_and_numbers_them():
    seen = graph(pairs=[*PAIRS, ("c", "z"), ("d", "w")], groups=("z", "x", "v"))
    assert list(zip(seen.customer.tolist(), seen.group.tolist(), strict=True)) == [
        (0, 1),
        (1, 1),
        (2, 0),
    ]
    assert int(seen.groups) == 3
    assert np.array_equal(seen.columns, COLUMNS)


def test_a_group_without_customers_says_the_same_of_nobody():
    """It changes no head; a graph without any group has heads, too."""
    net = net_of()
    fewer, more = told(net, graph()), told(net, graph(groups=(*GROUPS, "v")))
    torch.testing.assert_close(more[0], fewer[0], rtol=0, atol=1e-6)
    assert torch.isfinite(more[1]).all()
    assert torch.isfinite(told(net, graph(pairs=[], groups=()))[0]).all()


# ---- batches and losses


def targets(shift=0.0):
    n = np.array([[0, 2], [1, 0], [3, 1], [0, 0]], dtype=np.float32)
    over = np.array([[True, False], [True, True], [True, True], [True, True]])
    return Targets(n, n * np.float32(1.5 + shift), over)


def test_an_epoch_has_every_graph_once_with_its_own_targets():
    graphs = [(graph(COLUMNS + i), targets(float(i))) for i in range(5)]
    batches = GraphBatches(graphs)
    orders = []
    for rng in (None, np.random.default_rng(0), np.random.default_rng(1)):
        found = list(batches.epoch(rng))
        assert len(found) == len(batches) == 5
        orders.append([int(batch.seen.columns[0, 0] - COLUMNS[0, 0]) for batch in found])
        for i, batch in zip(orders[-1], found, strict=True):
            assert np.array_equal(batch.value, targets(float(i)).value)
            assert np.array_equal(batch.over, targets().seen)
    assert orders[0] == [0, 1, 2, 3, 4]
    assert all(sorted(order) == orders[0] for order in orders)
    assert orders[1] != orders[2]


@pytest.mark.parametrize("loss", OBJECTIVES)
def test_losses_read_batches_of_graphs(loss):
    """They teach every weight, and what is not over yet costs nothing."""
    net, cost = net_of(), OBJECTIVES[loss].cost
    (batch,) = GraphBatches([(graph(), targets())]).epoch(None)
    found = cost(net, batch)
    found.backward()
    # the groups of customers begin at 0, which oneself of them multiplies
    silent = {f"gather.{i}.lin_r.weight" for i in range(2)}
    moved = {name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}
    assert moved == {name for name, _ in net.named_parameters()} - silent
    odd = batch._replace(value=torch.where(batch.over, batch.value, torch.nan))
    assert cost(net, odd) == found
    assert cost(net, batch._replace(value=2.0 * batch.value)) != found


def test_the_likelihood_of_a_graph_is_that_of_its_heads():
    net = net_of()
    (batch,) = GraphBatches([(graph(), targets())]).epoch(None)
    assert isinstance(batch.seen, Graph)
    own = head_of(told(net, batch.seen)[0])
    true = head_loss(own, batch.purchases, batch.value, batch.over)
    torch.testing.assert_close(OBJECTIVES["ziln"].cost(net, batch).detach(), true)
