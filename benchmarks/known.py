"""Posteriors and groups as lifeworth's scoring takes them, made by hand."""

from typing import Any

import numpy as np
from hydra.utils import instantiate
from jaxtyping import Float
from omegaconf import OmegaConf

from benchmarks.measure import ROOT
from lifeworth.engines.pooled import Groups
from lifeworth.engines.posterior import Posterior
from lifeworth.models.btyd.estimate import Seen
from lifeworth.models.btyd.pool import Grouped

MODELS = ROOT / "conf" / "model"


def population(customers: int) -> Grouped:
    """Return customers of one group, without segments or covariates."""
    groups = Groups(codes=np.zeros((1, 0), dtype=np.int64), values=np.zeros((1, 0)))
    return Grouped(groups, np.zeros(customers, dtype=np.int64))


def segments(which: np.ndarray, levels: int) -> Grouped:
    """Return customers of these levels of one column, "segment"."""
    codes = np.arange(levels, dtype=np.int64)[:, None]
    groups = Groups(columns={"segment": levels}, codes=codes, values=np.zeros((levels, 0)))
    return Grouped(groups, which)


def one_group(eta: Float[np.ndarray, "draws coordinates"], customers: int) -> Seen:
    """Return draws of coordinates as they apply to customers of one population."""
    posterior = Posterior(
        method="laplace" if len(eta) > 1 else "mle",
        draws={"population": eta},
        chains=1,
        log_likelihood=0.0,
        diagnostics={},
        elbo=np.empty((0, 2)),
    )
    return Seen(posterior, population(customers), seed=0)


def configured(name: str) -> Any:
    """Return the recipe of conf/model/`name`.yaml."""
    return instantiate(OmegaConf.load(MODELS / f"{name}.yaml"), _convert_="all")
