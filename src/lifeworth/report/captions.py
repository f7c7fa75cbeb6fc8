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
        "cut-offs where there are several. The best of each line is bold.",
        "A model that does not beat the simple rules beside it is not worth its trouble.",
    ),
    "tracking": Caption(
        "Purchases over time",
        "Repeat purchases of all customers together. The dotted line is the cut-off, {cutoff}: "
        "what lies left of it the model has seen, the shaded part it has not.",
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
    "backtest": Caption(
        "The same model at other cut-offs",
        "Fitted and judged anew at {count}. A dotted line is the best value there is.",
        "A line that swings says more about the date than about the model.",
    ),
    "params": Caption(
        "Fitted parameters",
        "Estimates, with standard errors and intervals where the method gives them.",
        "A standard error as large as its estimate: the data do not settle that parameter.",
    ),
}


def caption(anchor: str, **words: str) -> Caption:
    """Return the words of a section with every `{name}` in them replaced."""
    found = CAPTIONS[anchor]
    return found._replace(read=found.read.format_map(words))
