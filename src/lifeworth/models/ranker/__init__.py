"""Ranker: which products a visit goes on with.

math             the terms of S, what showing a product is worth
Popularity       the same for everybody
VsKnn            what visits like this one went on with (Ludewig and Jannach 2018)
SequentialRules  who touched this, touched that soon after (the same)
Ease             a linear map in closed form (Steck 2019)
Repeat           what was touched before is touched again
Union            several of them, ranked by weights learnt on later visits (`choice`)
two_tower        TwoTower: visits and products in one space (Yi et al. 2019); it needs the extra
                 `ranker`, and is not imported here because the others do without torch
"""

from lifeworth.models.ranker.ease import Ease
from lifeworth.models.ranker.popularity import Popularity
from lifeworth.models.ranker.repeat import Repeat
from lifeworth.models.ranker.sequential_rules import SequentialRules
from lifeworth.models.ranker.union import Union
from lifeworth.models.ranker.vsknn import VsKnn

__all__ = ["Ease", "Popularity", "Repeat", "SequentialRules", "Union", "VsKnn"]
