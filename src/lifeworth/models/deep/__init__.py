"""Networks that read histories: the deep room. It needs the extra `deep`.

LstmZiln           an LSTM over events; heads of Wang, Liu and Miao (2019)
WideAndDeepZiln    features and columns beside it, Cheng et al. (2016); scores newcomers
LstmRollout        from week to week, rolled forward, Valendin et al. (2022)
GraphSage          what links customers, Hamilton, Ying and Leskovec (2017)
GbmTwoStage        boosted trees over features: the baseline
"""

from lifeworth.models.deep.gbm_two_stage import GbmTwoStage
from lifeworth.models.deep.graph_sage import GraphSage
from lifeworth.models.deep.lstm_rollout import LstmRollout
from lifeworth.models.deep.lstm_ziln import LstmZiln
from lifeworth.models.deep.wide_and_deep_ziln import WideAndDeepZiln

__all__ = ["GbmTwoStage", "GraphSage", "LstmRollout", "LstmZiln", "WideAndDeepZiln"]
