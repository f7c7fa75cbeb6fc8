"""The two towers as a network: what a visit is looking for, and products, in one space.

With e_j of length 1 for product j, and c_1 (the last), c_2, ... what a visit touched, the visit is

    u = (m + M (m, e(c_1))) / |...|,  m = sum_b w_b e(c_b),  w = softmax(f)

and the score of product j is u . e_j / temperature + b_j. Without M, which begins at 0, what comes
next could not lie elsewhere than what was touched.

Where kinds of products are known, the vector of a product is the sum of its own and that of its
kind, and so is b_j; in training its own are left out now and then, so that the kind learns to do
without: a product that nobody touched has nothing else.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

Numbers = Int[np.ndarray, " _"]
Touched = Int[np.ndarray, "questions reach"]


class Questions(NamedTuple):
    """What visits had touched, the last first and -1 for nothing, and what came next."""

    touched: Touched
    wanted: Int[np.ndarray, " questions"]


class Kinds(NamedTuple):
    """What is known of products beside who touched them.

    Attributes
    ----------
    number
        Of the kind of each product, -1 where it is not known.
    touched
        Whether anybody touched it.
    blind
        Share of products whose own vector is left out in training.
    """

    number: Int[np.ndarray, " products"]
    touched: Bool[np.ndarray, " products"]
    blind: float


class Batch(NamedTuple):
    """Questions to learn from; each product that came next is a candidate of all of them."""

    touched: Int[Tensor, "questions reach"]
    wanted: Int[Tensor, " questions"]
    log_q: Float[Tensor, " questions"]


class Judged(NamedTuple):
    """Questions to judge by."""

    touched: Int[Tensor, "questions reach"]
    wanted: Int[Tensor, " questions"]


class TowerNet(nn.Module):
    """Both towers; products share their vectors."""

    kind: Tensor

    def __init__(
        self, products: int, size: int, reach: int, dropout: float, kinds: Kinds | None = None
    ) -> None:
        super().__init__()
        self.product = nn.Parameter(torch.randn(products, size) / size**0.5)
        self.bias = nn.Parameter(torch.zeros(products))
        self.fall = nn.Parameter(-0.35 * torch.arange(reach))
        self.on = nn.Linear(2 * size, size, bias=False)
        nn.init.zeros_(self.on.weight)
        self.dropout, self.blind = dropout, 0.0
        if kinds is not None:
            self._know(kinds, size)

    def _know(self, kinds: Kinds, size: int) -> None:
        """Add vectors of kinds; products that were never touched have none of their own."""
        self.blind = kinds.blind
        self.register_buffer("kind", torch.from_numpy(kinds.number + 1))
        many = int(kinds.number.max()) + 2
        self.group = nn.Parameter(0.1 * torch.randn(many, size) / size**0.5)
        self.group_bias = nn.Parameter(torch.zeros(many))
        with torch.no_grad():
            self.product[torch.from_numpy(~kinds.touched)] = 0.0
            self.group[0] = 0.0

    def products(
        self, number: Int[Tensor, "*n"], own: Float[Tensor, "*n"] | None = None
    ) -> Float[Tensor, "*n size"]:
        """Return the vectors of products, of length 1; `own` is 0 where that of the kind does."""
        vector = functional.embedding(number, self.product)
        if hasattr(self, "group"):
            own = self._seen(number) if own is None else own
            vector = vector * own[..., None] + self._of_kind(number, self.group)
        return functional.normalize(vector, dim=-1)

    def _seen(self, number: Int[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Return 0 where a product of a known kind is to be seen by its kind alone, else 1."""
        seen = torch.ones(number.shape, device=number.device)
        if self.training and self.blind:
            hidden = torch.rand(number.shape, device=number.device) < self.blind
            seen = seen.masked_fill(hidden & (self.kind[number] > 0), 0.0)
        return seen

    def _of_kind(self, number: Int[Tensor, "*n"], of: Tensor) -> Tensor:
        """Return what is learnt of the kinds of products; 0 where these are not known."""
        kind = self.kind[number]
        known = (kind > 0).to(of.dtype)
        return of[kind] * (known[..., None] if of.ndim == 2 else known)

    def scores(
        self, visits: Float[Tensor, "n size"], number: Int[Tensor, " m"], temperature: float
    ) -> Float[Tensor, "n m"]:
        """Return the scores of products for visits."""
        bias = functional.embedding(number, self.bias[:, None])[:, 0]
        if not hasattr(self, "group"):
            return visits @ self.products(number).T / temperature + bias
        own = self._seen(number)
        bias = bias * own + self._of_kind(number, self.group_bias)
        return visits @ self.products(number, own).T / temperature + bias

    def visits(self, touched: Int[Tensor, "n reach"]) -> Float[Tensor, "n size"]:
        """Return the vectors of visits, of length 1; each has touched something."""
        weight = self.fall.masked_fill(touched < 0, -torch.inf).softmax(dim=1)
        e = self.products(touched.clamp(min=0))
        e = functional.dropout(e, self.dropout, self.training)
        mean = (weight[..., None] * e).sum(dim=1)
        return functional.normalize(mean + self.on(torch.cat([mean, e[:, 0]], dim=1)), dim=-1)


class Cost:
    """The loss of a batch, for `engines.task.Task`."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def __call__(self, net: Any, batch: Batch | Judged) -> Tensor:
        """Return the corrected cross-entropy; of questions to judge by, 1 less the mean gain.

        The gain of a list is 1 / log2(1 + place of what came next), among all products.
        """
        u = net.visits(batch.touched)
        if isinstance(batch, Batch):
            return corrected(net.scores(u, batch.wanted, self.temperature), batch.log_q)
        every = torch.arange(len(net.bias), device=u.device)
        scores = net.scores(u, every, self.temperature)
        own = scores.gather(1, batch.wanted[:, None])
        place = 1.0 + (scores > own).sum(dim=1)
        return 1.0 - (1.0 / torch.log2(1.0 + place)).mean()


def corrected(
    scores: Float[Tensor, "questions questions"], log_q: Float[Tensor, " questions"]
) -> Tensor:
    """Return the mean cross-entropy of the diagonal, scores less the log of how often drawn.

    Candidate j is what came next of question j, and is drawn with its share of all that came next,
    q_j. A popular product is among the candidates more often, and without - log q_j would be pushed
    down as much more (Yi et al. 2019, equations 3 to 5). Scores themselves then tend to log of
    p(product | visit), up to a number of the visit's own, so that nothing is taken off when they
    are used.
    """
    own = torch.arange(len(scores), device=scores.device)
    return functional.cross_entropy(scores - log_q, own)


class QuestionBatches:
    """Questions in batches of the same size, shuffled anew each epoch; a rest is left out."""

    def __init__(
        self, questions: Questions, size: int, log_q: Float[np.ndarray, " products"]
    ) -> None:
        self.questions, self.size, self.log_q = questions, size, log_q.astype(np.float32)

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.questions.wanted) // self.size

    def epoch(self, rng: np.random.Generator | None) -> Iterator[Batch]:
        """Yield batches."""
        order = np.arange(len(self.questions.wanted))
        if rng is not None:
            order = rng.permutation(order)
        for first in range(0, len(self) * self.size, self.size):
            rows = order[first : first + self.size]
            wanted = self.questions.wanted[rows]
            arrays = self.questions.touched[rows], wanted, self.log_q[wanted]
            yield Batch(*map(torch.from_numpy, arrays))


class JudgedBatches:
    """Questions in batches that count alike."""

    def __init__(self, questions: Questions, size: int) -> None:
        self.questions, self.size = questions, min(size, len(questions.wanted))

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self.questions.wanted) // max(self.size, 1)

    def epoch(self, rng: np.random.Generator | None) -> Iterator[Judged]:
        """Yield batches in order."""
        del rng  # nothing is shuffled
        for first in range(0, len(self) * self.size, self.size):
            rows = slice(first, first + self.size)
            arrays = self.questions.touched[rows], self.questions.wanted[rows]
            yield Judged(*map(torch.from_numpy, arrays))
