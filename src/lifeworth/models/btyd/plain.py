"""The BG/NBD at its maximum, for those who want its forecasts and have no choices to make."""

from lifeworth.asof.split import History
from lifeworth.engines.posterior import Sampling
from lifeworth.models.btyd.estimate import Inference
from lifeworth.models.btyd.fit import Plan, fit
from lifeworth.models.btyd.fitted import FittedBtyd


def plain(history: History) -> FittedBtyd:
    """Fit a BG/NBD by maximum likelihood, and spend by credibility, to `history`.

    Raises
    ------
    FitError
        If there is nothing to learn from, or no maximum is found.
    """
    nothing = Sampling(draws=1, warmup=1, chains=1, steps=1, batch=1)
    return fit(
        Plan(
            process="bgnbd",
            time_unit_days=1.0,
            spend="credibility",
            draws=1,
            discount_rate=0.0,
            how=Inference(method="mle", sampling=nothing, seed=0, said=None),
        ),
        history,
    )
