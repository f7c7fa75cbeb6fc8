"""The union with the two towers among its retrievers; it needs the extra `ranker`."""

from lifeworth.asof.baskets import Trails
from lifeworth.models.core import recipe
from lifeworth.models.ranker.towers import Towers
from lifeworth.models.ranker.two_tower import TwoTower
from lifeworth.models.ranker.union import Union


@recipe
class UnionWithTowers(Union):
    """A union (`Union`) that asks the two towers, too.

    They are trained twice: for the weights on the earlier visits, and then on all.

    Attributes
    ----------
    towers
        How they are trained.
    """

    towers: TwoTower

    def _towers(self, visits: Trails, seed: int) -> Towers:
        return self.towers.fit(visits, seed)
