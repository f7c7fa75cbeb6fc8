"""Trails: what visits touched, in order, as whole numbers; what rankers and baskets learn from."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Float, Int

from lifeworth.tables.errors import InputError

Numbers = Int[np.ndarray, " _"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trails:
    """Touches of visits, one row each, sorted by visit and place.

    Attributes
    ----------
    visit_id
        Visits by number; a visit may have no touch.
    product_id
        The catalogue, sorted: products by number.
    visit, place, product
        Of each touch; `place` is the number of the click, or of the basket.
    kinds
        The number of the kind (category) of each product, -1 where it is not known; None where
        nothing is known of products. One that was never touched is in the catalogue only by its
        kind.
    """

    visit_id: np.ndarray
    product_id: np.ndarray
    visit: Int[np.ndarray, " touches"]
    place: Int[np.ndarray, " touches"]
    product: Int[np.ndarray, " touches"]
    kinds: Int[np.ndarray, " products"] | None = None

    @property
    def visits(self) -> int:
        """Return how many visits there are."""
        return len(self.visit_id)

    @property
    def products(self) -> int:
        """Return how many products the catalogue has."""
        return len(self.product_id)

    @property
    def start(self) -> Numbers:
        """Return the first touch of each visit, and at the end their number."""
        return np.searchsorted(self.visit, np.arange(self.visits + 1))

    def part(self, first: int, last: int) -> "Trails":
        """Return the visits from `first` to before `last`."""
        rows = slice(*np.searchsorted(self.visit, [first, last]))
        return replace(
            self,
            visit_id=self.visit_id[first:last],
            visit=self.visit[rows] - first,
            place=self.place[rows],
            product=self.product[rows],
        )

    def back(self) -> Numbers:
        """Return, for each touch, how many places of its visit come after its own."""
        if not len(self.visit):
            return np.zeros(0, dtype=np.int64)
        ends = np.append(self.start[1:][self.visit] - 1, 0)[:-1]
        return self.place[ends] - self.place

    def before(self) -> Numbers:
        """Return, for each touch, how many touches of its visit are at earlier places."""
        row = np.arange(len(self.visit))
        new = (np.diff(self.visit, prepend=-1) != 0) | (np.diff(self.place, prepend=-1) != 0)
        opened = np.maximum.accumulate(np.where(new, row, 0))  # the first touch of its place
        return opened - self.start[self.visit]

    def matrix(self, weights: Float[np.ndarray, " touches"] | None = None) -> sp.csr_array:
        """Return visits by products: 1 where touched, or the largest of the weights."""
        frame = pd.DataFrame({"v": self.visit, "p": self.product, "w": 1.0})
        if weights is not None:
            frame["w"] = weights
        best = frame.groupby(["v", "p"])["w"].max()
        v, p = (best.index.get_level_values(i).to_numpy() for i in (0, 1))
        shape = (self.visits, self.products)
        return sp.csr_array((best.to_numpy(), (v, p)), shape=shape)


def catalogue(frame: pd.DataFrame, kind: pd.Series | None = None) -> np.ndarray:
    """Return the products of a frame of touches and those of a known kind, sorted.

    Parameters
    ----------
    kind
        By product_id.
    """
    known = set() if kind is None else set(kind.index[kind.notna()])
    return np.array(sorted(known | set(frame["product_id"].unique())), dtype=np.str_)


def trails(
    frame: pd.DataFrame,
    product_id: np.ndarray,
    visit_id: pd.Index | None = None,
    kind: pd.Series | None = None,
) -> Trails:
    """Return the touches of `frame` (columns of `tables.visits.TOUCHED`, sorted), numbered.

    Products outside the catalogue are left out: nothing is known of them.

    Parameters
    ----------
    visit_id
        Visits in their order; those of the frame if None.
    kind
        Of products, by product_id; None where nothing is known of them.
    """
    ids = pd.Index(frame["visit_id"].unique()) if visit_id is None else visit_id
    product = numbered(frame["product_id"], product_id)
    known = product >= 0
    return Trails(
        visit_id=ids.to_numpy(dtype=object),
        product_id=product_id,
        visit=ids.get_indexer(pd.Index(frame["visit_id"]))[known].astype(np.int64),
        place=frame["place"].to_numpy(dtype=np.int64)[known],
        product=product[known],
        kinds=None if kind is None else _codes(kind, product_id),
    )


def _codes(kind: pd.Series, product_id: np.ndarray) -> Numbers:
    codes, _ = pd.factorize(kind.reindex(product_id.astype(object)), sort=True)
    return codes.astype(np.int64)


def numbered(products: pd.Series, product_id: np.ndarray) -> Numbers:
    """Return the numbers of products, -1 for those outside the catalogue."""
    found = pd.Index(product_id.astype(object)).get_indexer(pd.Index(products.astype(object)))
    return found.astype(np.int64)


def refuse_other_catalogue(asked: Trails, product_id: np.ndarray) -> None:
    """Refuse trails whose products are numbered otherwise than those a model learnt from."""
    if not np.array_equal(asked.product_id, product_id):
        raise InputError(
            f"ranking: these visits are numbered by a catalogue of {asked.products:,} products, "
            f"the model by one of {len(product_id):,}; number them by the model's product_id"
        )


def spread(start: Numbers, count: Numbers) -> tuple[Numbers, Numbers]:
    """Return, for runs of rows that begin at `start`, the run of each row, and the row.

    Examples
    --------
    >>> spread(np.array([4, 0]), np.array([2, 1]))
    (array([0, 0, 1]), array([4, 5, 0]))
    """
    run = np.repeat(np.arange(len(count)), count)
    ahead = np.cumsum(count) - count
    return run, start[run] + np.arange(len(run)) - ahead[run]
