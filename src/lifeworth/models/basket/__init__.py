"""Basket: what goes into the next basket, and what goes with what is in this one.

GpTopFreq  a customer's own products by frequency, then everybody's (Li et al. 2023)
TifuKnn    frequencies that fade, and those of customers alike (Hu et al. 2020)
Attach     products bought with those in the cart
CartEase   EASE on carts (Steck 2019)
learnt     Learnt: boosted trees over candidates of several kinds; it needs the extra `basket`, and
           is not imported here because the others do without scikit-learn
curve      makes chances of the scores of these two, by later carts
"""

from lifeworth.models.basket.attach import Attach
from lifeworth.models.basket.ease import CartEase
from lifeworth.models.basket.gp_topfreq import GpTopFreq
from lifeworth.models.basket.tifuknn import TifuKnn

__all__ = ["Attach", "CartEase", "GpTopFreq", "TifuKnn"]
