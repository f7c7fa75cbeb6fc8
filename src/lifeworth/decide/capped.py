"""The list of greatest worth within its size, a cap per category and a cap per seller.

Taking the best first is right where one kind of cap alone turns products away: with the other kind
left out, what may be listed together is a laminar matroid, on which the greedy list is the best
(Edmonds 1971), and a best list of a wider choice that keeps the caps is the best within them.
Otherwise a flow from categories to sellers is built, a product at a time, along the longest path of
what is left (successive shortest paths; Ahuja, Magnanti and Orlin 1993), which is exact.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

Numbers = Int[np.ndarray, " products"]
Scores = Float[np.ndarray, " products"]
Some = Int[np.ndarray, " some"]
"""Rows of some products."""

NONE = np.iinfo(np.int64).max // 4
"""A cap that never binds."""

CLOSE = 1e-12
"""Paths are told apart by this much of the greatest score."""


class Caps(NamedTuple):
    """Most products of a list, of a category and of a seller."""

    size: int
    category: int = NONE
    seller: int = NONE


class Best(NamedTuple):
    """Rows of the best list, best first; `greedy`: taking the best first is proven best."""

    rows: Some
    greedy: bool


class Blocked(NamedTuple):
    """Whether products that the greedy list passed over met a full category, or a full seller."""

    rows: list[int]
    category: list[bool]
    seller: list[bool]

    def by_one_kind(self) -> bool:
        """Say whether one kind of cap explains them all."""
        return all(self.category) or all(self.seller)


def best_list(scores: Scores, category: Numbers, seller: Numbers, caps: Caps) -> Best:
    """Return the best list of products with a score above 0; equal scores in the order of rows."""
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] > 0]
    rows, passed = _greedy(order, category, seller, caps)
    if passed.by_one_kind():
        return Best(np.array(rows, dtype=np.int64), greedy=True)
    found = _Flow(scores, order, category, seller, caps).rows()
    return Best(found[np.argsort(-scores[found], kind="stable")], greedy=False)


def greedy_list(scores: Scores, category: Numbers, seller: Numbers, caps: Caps) -> Best:
    """Return the list that takes the best first, and whether it is proven best."""
    order = np.argsort(-scores, kind="stable")
    rows, passed = _greedy(order[scores[order] > 0], category, seller, caps)
    return Best(np.array(rows, dtype=np.int64), greedy=passed.by_one_kind())


def _greedy(
    order: Some, category: Numbers, seller: Numbers, caps: Caps
) -> tuple[list[int], Blocked]:
    rows: list[int] = []
    passed = Blocked([], [], [])
    held: dict[tuple[str, int], int] = {}
    for row in order.tolist():
        if len(rows) == caps.size:
            break
        c, s = ("category", int(category[row])), ("seller", int(seller[row]))
        full = held.get(c, 0) >= caps.category, held.get(s, 0) >= caps.seller
        if any(full):
            passed.rows.append(row)
            passed.category.append(full[0])
            passed.seller.append(full[1])
            continue
        rows.append(row)
        held[c], held[s] = held.get(c, 0) + 1, held.get(s, 0) + 1
    return rows, passed


class _Flow:
    """A flow from categories to sellers; products of one category and seller enter best first."""

    def __init__(
        self, scores: Scores, order: Some, category: Numbers, seller: Numbers, caps: Caps
    ) -> None:
        of_category = np.unique(category[order], return_inverse=True)[1]
        of_seller = np.unique(seller[order], return_inverse=True)[1]
        shape = int(of_category.max()) + 1, int(of_seller.max()) + 1
        self.scores, self.size = scores, caps.size
        self.close = CLOSE * float(scores[order[0]])
        self.queue: dict[tuple[int, int], list[int]] = {}
        most = min(caps)
        for row, *pair in zip(
            order.tolist(), of_category.tolist(), of_seller.tolist(), strict=True
        ):
            own = self.queue.setdefault((pair[0], pair[1]), [])
            if len(own) < most:  # more of one pair are never listed
                own.append(row)
        self.used = np.zeros(shape, dtype=np.int64)
        self.forward, self.backward = np.full(shape, -np.inf), np.full(shape, -np.inf)
        for (c, s), own in self.queue.items():
            self.forward[c, s] = scores[own[0]]
        self.left_category = np.full(shape[0], caps.category)
        self.left_seller = np.full(shape[1], caps.seller)

    def rows(self) -> Some:
        """Return the rows that a greatest flow of at most `size` lists."""
        for _ in range(self.size):
            if not self._grow():
                break
        listed = [own[: self.used[pair]] for pair, own in self.queue.items()]
        return np.array([row for own in listed for row in own], dtype=np.int64)

    def _grow(self) -> bool:
        """List one product more along the longest path, if that is worth anything."""
        _, to_seller, before_seller, before_category = self._longest()
        ends = np.where(self.left_seller > 0, to_seller, -np.inf)
        s = int(ends.argmax())
        if ends[s] <= self.close:
            return False
        self.left_seller[s] -= 1
        while True:
            c = int(before_seller[s])
            self._turn(c, s, 1)
            s = int(before_category[c])
            if s < 0:
                self.left_category[c] -= 1
                return True
            self._turn(c, s, -1)

    def _turn(self, c: int, s: int, by: int) -> None:
        own = self.queue[c, s]
        self.used[c, s] += by
        used = int(self.used[c, s])
        self.forward[c, s] = self.scores[own[used]] if used < len(own) else -np.inf
        self.backward[c, s] = -self.scores[own[used - 1]] if used else -np.inf

    def _longest(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return longest paths to categories and sellers, and what stands before each."""
        to_category = np.where(self.left_category > 0, 0.0, -np.inf)
        to_seller = np.full(len(self.left_seller), -np.inf)
        before_seller = np.full(len(to_seller), -1)
        before_category = np.full(len(to_category), -1)
        while True:
            ways = to_category[:, None] + self.forward
            if not _improve(to_seller, before_seller, ways, self.close):
                break
            ways = to_seller[:, None] + self.backward.T
            if not _improve(to_category, before_category, ways, self.close):
                break
        return to_category, to_seller, before_seller, before_category


def _improve(length: np.ndarray, before: np.ndarray, ways: np.ndarray, close: float) -> bool:
    """Lengthen paths where a way (from, to) is longer; say whether any was."""
    origin = ways.argmax(axis=0)
    longest = ways[origin, np.arange(ways.shape[1])]
    longer = longest > length + close
    length[longer], before[longer] = longest[longer], origin[longer]
    return bool(longer.any())
