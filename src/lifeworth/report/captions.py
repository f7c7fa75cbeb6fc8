"""The words of the page; `{name}` in them is filled in."""

from typing import NamedTuple


class Caption(NamedTuple):
    """The words of one section."""

    title: str
    read: str
    bad: str


CAPTIONS = {
    "holdout": Caption(
        "Forecast against what happened",
        "Every customer known at the cut-off counts, also those who never came back. Money is in "
        "{currency}. Small figures are intervals: from resampling customers, or between "
        "cut-offs where there are several. The best of each line is bold. Folded away below: how "
        "much the first model's errors differ from those of the others on the same resampled "
        "customers; bold is what the interval shows to be better.",
        "A model that does not beat the simple rules beside it is not worth its trouble.",
    ),
    "tracking": Caption(
        "Purchases over time",
        "Repeat purchases of all customers together. The dotted line is the cut-off, {cutoff}: "
        "what lies left of it the model has seen, the shaded part it has not.{band}",
        "Lines that part at the cut-off: the model fits the past and misses the future. Peaks "
        "that only the actual line has are seasons and promotions the model does not know.",
    ),
    "calibration": Caption(
        "Calibration by decile",
        "Customers are sorted by their forecast and cut into tenths. Where the dot sits at the "
        "end of its bar, customers did on average what was forecast.",
        "Dots above low bars and below high ones: the forecast is too extreme. Dots at one height "
        "for all groups: it cannot tell customers apart.",
    ),
    "tiers": Caption(
        "Tiers",
        "Customers grouped by expected value. A useful top tier holds few customers and much of "
        "the value.",
        "Shares of realised value no larger than the shares of customers: the tiers separate "
        "nobody.",
    ),
    "reasons": Caption(
        "Why they are worth it",
        "What each kind of input adds, on average, to the expected value of a customer of a tier, "
        "in {currency}, as of {as_of}. It begins with a reference customer: one purchase of the "
        "mean value, in the middle of all else. The parts are Shapley values and add up to the "
        "forecast exactly; the scores name the reasons that weigh most for each customer.",
        "One kind that carries everything: the others could be left out. A reason that no merchant "
        "would believe: look for a leak.",
    ),
    "treated": Caption(
        "With and without what they were given",
        "The forecast of customers who were treated before the cut-off, and the same forecast had "
        "they been in the control group, or given nothing where there is none, in {currency} per "
        "customer. The difference is what the model made "
        "of the treatment, not its effect: who was chosen differs from who was not. Effects need a "
        "randomised campaign.",
        "A large difference where treatments went to the best customers: the model repeats the "
        "choice, and scores that steer the next campaign would feed on themselves.",
    ),
    "alive": Caption(
        "Who is still a customer",
        "The probability that {who} is still active, by how often and for how long they bought. "
        "Yellow is surely active, dark blue surely gone; the white line is even odds. A frequent "
        "buyer who fell silent is more surely gone than an occasional one. Who bought once is not "
        "shown: this model lets nobody leave before a second purchase, so read their chance of any "
        "purchase (p_active in the scores) instead.",
        "One colour everywhere: the model does not learn from silence.",
    ),
    "pit": Caption(
        "Are the stated uncertainties right?",
        "For each customer: where in the forecast distribution did the outcome fall? If the "
        "distributions are right, every place is equally likely and all bars end at the dotted "
        "line (a PIT histogram).",
        "A valley: intervals too narrow. A hill: too wide. Rising to the right: forecasts too "
        "low. Falling: too high.",
    ),
    "by_segment": Caption(
        "Is it right in every segment?",
        "Customers grouped by what was known of them at the cut-off. First: the share whose "
        "outcome fell inside their 90 % interval, with the interval that chance leaves it; the "
        "dotted line is right. Then: the mean value of a customer of the level, beside what was "
        "forecast.",
        "An interval that misses the dotted line: in that level the stated uncertainties are "
        "wrong, too narrow where it lies left. Dots far apart: the model does not know what makes "
        "that level different.",
    ),
    "backtest": Caption(
        "The same model at other cut-offs",
        "Fitted and judged anew at {count}. A dotted line is the best value there is.",
        "A line that swings says more about the date than about the model.",
    ),
    "posterior": Caption(
        "What the data taught",
        "Grey is the prior, what was believed before the data; blue is the posterior, what is "
        "believed after them. Both are drawn to one height, so compare where they lie and how wide "
        "they are.",
        "Curves that overlap: the data taught nothing, and the forecast rests on the prior. Blue "
        "at the far edge of grey: prior and data contradict each other.",
    ),
    "forest": Caption(
        "Segments",
        "Each dot is the mean of a level of customers and its line the 90 % interval. The band is "
        "the interval of the whole population, the dotted line its mean. Small levels are drawn "
        "towards the population and have long lines.",
        "Every dot on the dotted line: the segments do not differ, or the model does not let them. "
        "Small levels far outside the band with short lines: the model trusts few customers too "
        "much.",
    ),
    "prior_predictive": Caption(
        "What the priors expected",
        "Shops drawn from the priors alone, before any data: how often each summary of a shop came "
        "out. The warm line is this shop.",
        "A line far outside the grey: the priors contradict the shop. Grey that spans absurd "
        "values: harmless but lazy, the data have to do all the work.",
    ),
    "diagnostics": Caption(
        "Can the posterior be trusted",
        "Measures of the computation, not of the model: whether it found the posterior that model "
        "and data define. Shaded lines fail, and say what to do.{climb}",
        "Any shaded line: mend it before reading the intervals above.{stop}",
    ),
    "chains": Caption(
        "Did the chains agree",
        "Several chains searched from different starts. First: their draws in order. Then: where "
        "the draws of each chain rank among all draws; chains that agree are level at the dotted "
        "line, but for noise.",
        "Lines on different heights, or that drift or stand still: the chains have not met. A "
        "slope in the ranks: a chain sits elsewhere. A hill or a valley: it is too narrow or too "
        "wide.",
    ),
    "curves": Caption(
        "How the training went",
        "The loss by epoch. The first network was trained on earlier cut-offs and stopped by a "
        "later one (validation); then all on everything, for as many epochs as were best.",
        "A validation loss that rises early: it learns by heart; make the network smaller, or drop "
        "more of it out. One that still falls at the end: give it more epochs.",
    ),
    "params": Caption(
        "Fitted parameters",
        "Estimates, with standard errors and intervals where the method gives them.",
        "A standard error as large as its estimate: the data do not settle that parameter.",
    ),
}


BAND = (
    " The blue band holds 90 % of the futures the model thinks possible, of each week by itself "
    "and, below, of the running total, which starts from the actual total at the cut-off. Nine "
    "weeks in ten should lie inside."
)
"""Follows the words of tracking where the band is drawn."""

CLIMB = (
    " The ELBO measures how well the approximation fits; it should climb and then run level. Its "
    "first fifth may lie below the picture."
)
"""Follows the words of diagnostics where the ELBO is drawn."""

STOP = " An ELBO that still climbs at the end: it was stopped too early."


def caption(anchor: str, **words: str) -> Caption:
    """Return the words of a section with every `{name}` in them replaced."""
    found = CAPTIONS[anchor]
    return found._replace(read=found.read.format_map(words), bad=found.bad.format_map(words))
