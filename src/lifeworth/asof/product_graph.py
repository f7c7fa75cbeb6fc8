"""The co-buy graph: which products are bought together, and how much more often than by chance."""

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import scipy.sparse as sp
from ibis import _

from lifeworth.asof.lines import kept_lines
from lifeworth.asof.split import History
from lifeworth.tables.errors import InputError


def product_graph(
    history: History, *, least: int = 10, prior: float = 5.0, services: tuple[str, ...] = ()
) -> ir.Table:
    """Return the edges of the graph: ordered pairs of products that kept orders hold together.

    With n_ij the orders that hold i and j, n_i those that hold i, and N all kept orders, what
    chance alone would give is e_ij = n_i n_j / N. If n_ij is Poisson with mean L e_ij, and L has
    the prior Gamma(prior, prior), of mean 1 (bought independently), then the expectation of L is
    (n_ij + prior) / (e_ij + prior): the shrunken lift, DuMouchel's (1999) with a fixed prior of one
    component. It is near n_ij / e_ij where e_ij is well above `prior`, and near 1 where both are
    below it.

    Parameters
    ----------
    least
        Pairs in fewer orders than this are left out. No product in fewer orders has such a pair, so
        those are left out before pairs are made: memory grows with the pairs that are left.
    prior
        Orders.
    services
        Product ids that are no goods; left out.

    Returns
    -------
    ir.Table
        product_id, other_id; orders (n_ij), support (n_ij / N), confidence (n_ij / n_i: of orders
        with product_id, the share with other_id), lift (n_ij / e_ij), lift_shrunken. Every pair
        twice, once from either end.

    Raises
    ------
    InputError
        If the orders have no lines, or `least` or `prior` is not above 0.
    """
    if least < 1 or not prior > 0:
        raise InputError(
            f"product graph: least = {least}, prior = {prior:g}; least must be 1 or more, prior "
            "above 0"
        )
    held = kept_lines(history.tables, services).select("order_id", "product_id").distinct()
    number = held.order_id.nunique().as_scalar()
    count = held.group_by("product_id").aggregate(n=_.count()).filter(_.n >= least)
    often = held.semi_join(count, "product_id")
    other = often.view().select("order_id", other_id=_.product_id)
    pairs = often.inner_join(other, "order_id").filter(_.product_id < _.other_id)
    both = pairs.group_by("product_id", "other_id").aggregate(orders=_.count())
    both = both.filter(_.orders >= least)
    return _measured(ibis.union(both, _turned(both), distinct=False), count, number, prior)


def _turned(both: ir.Table) -> ir.Table:
    return both.select(product_id=_.other_id, other_id=_.product_id, orders=_.orders)


def _measured(pairs: ir.Table, count: ir.Table, number: ir.Value, prior: float) -> ir.Table:
    """Add the measures of each pair."""
    of_other = count.select(other_id=_.product_id, n_other=_.n)
    told = pairs.inner_join(count, "product_id").inner_join(of_other, "other_id")
    chance = told.n * told.n_other / number
    return told.select(
        *("product_id", "other_id", "orders"),
        support=told.orders / number,
        confidence=told.orders / told.n,
        lift=told.orders / chance,
        lift_shrunken=(told.orders + prior) / (chance + prior),
    )


def likeness(edges: pd.DataFrame, product_id: str) -> pd.Series:
    """Return how like the other products are to one in what they are bought with.

    A product is the vector of max(0, log lift_shrunken) with every other (positive pointwise mutual
    information, shrunken), and likeness the cosine of two vectors (Levy and Goldberg 2014: what
    embeddings by contrast come near to). How often the two are bought with each other does not
    count: what goes with the same things can take the other's place, what goes with it need not.

    Parameters
    ----------
    edges
        As `product_graph` gives them, as a frame.

    Returns
    -------
    pandas.Series
        From 0 to 1, by product_id of the other products of the graph; 0 where nothing is shared.
        Empty where the product is not in the graph.
    """
    ids, codes = np.unique(edges[["product_id", "other_id"]].to_numpy(str), return_inverse=True)
    row, column = codes.reshape(-1, 2).T
    weight = np.maximum(np.log(edges["lift_shrunken"].to_numpy(dtype=np.float64)), 0.0)
    vectors = sp.csr_array((weight, (row, column)), shape=(len(ids), len(ids)))
    at = np.flatnonzero(ids == product_id)
    if not len(at):
        return pd.Series(dtype=np.float64)
    own = vectors[at].toarray().ravel()
    square = np.asarray((vectors * vectors).sum(axis=1)).ravel()
    theirs = np.maximum(square - own**2, 0.0)  # without each other: the graph is symmetric
    mine = np.maximum(float(own @ own) - own**2, 0.0)
    length = np.sqrt(theirs * mine)
    cosine = np.divide(vectors @ own, length, out=np.zeros(len(ids)), where=length > 1e-12)
    found = pd.Series(np.minimum(cosine, 1.0), index=pd.Index(ids, dtype="str"))
    return found.drop(index=product_id)
