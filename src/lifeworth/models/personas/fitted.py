"""Fitted personas: where each lies, what it is called, and who belongs to it."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int

from lifeworth.asof.split import History
from lifeworth.models.core import Parameter, fitted
from lifeworth.models.membership import NO_PERSONA, Membership, membership
from lifeworth.models.personas.clusters import Kind, cell_of
from lifeworth.models.personas.math import (
    CHUNK,
    ByPersona,
    Columns,
    mixture_logs,
    soft,
    squared_distances,
)
from lifeworth.models.personas.names import VIP
from lifeworth.models.personas.space import Space, read

REST = "No persona"
"""The name of those who have none and are not of high value."""

Customers = Float[np.ndarray, " customers"]


class Placed(NamedTuple):
    """Of each customer: the nearest persona (its place), the distance, all probabilities."""

    nearest: Int[np.ndarray, " customers"]
    distance: Customers
    probabilities: ByPersona


@fitted
class Personas:
    """Personas in a space.

    Attributes
    ----------
    ids, names
        Of the personas; an id is never given to another one (`matching`).
    last_id
        The highest id that was ever given.
    ranks
        By persona: mean rank of recency, frequency and money when it was fitted, 0 to 1.
    points, owner
        Means that stand for the personas, one or, where shapes are odd (HDBSCAN), several, and
        whose each is (its place in `ids`). They are means of customers, never customers.
    spread
        Sd within personas, in every direction: how fast probabilities fall with distance.
    caps
        By persona: the distance from which a customer is nobody's.
    covariances, weights
        Of a mixture; empty otherwise.
    edges, cells
        Of a grid: inner edges, and the cell of each persona; empty otherwise.
    high_value_cents
        From this value on, an outlier is of high value.
    outlier_value_share, noise_share
        Of the customers fitted to: the share of all value that high-value outliers hold, and of
        customers in no persona.
    recognised
        Share of the customers fitted to who get back the persona that was found for them.
    persistence, relative_validity
        Of HDBSCAN; NaN of others.
    why
        How the clusters were chosen; "" where there was no choice.
    """

    kind: Kind
    space: Space
    ids: np.ndarray
    names: tuple[str, ...]
    last_id: int
    ranks: np.ndarray
    points: np.ndarray
    owner: np.ndarray
    spread: float
    caps: np.ndarray
    covariances: np.ndarray
    weights: np.ndarray
    edges: np.ndarray
    cells: np.ndarray
    high_value_cents: float
    outlier_value_share: float
    noise_share: float
    recognised: float
    persistence: float
    relative_validity: float
    why: str
    customers: int

    def score(self, history: History, horizon: int) -> Membership:
        """Return the persona of every customer of `history`; it holds whatever the `horizon`."""
        del horizon
        raw = read(history, self.space)
        found = self.place(self.space.place(raw))
        none = found.distance > self.caps[found.nearest]
        rich = raw.frame["monetary_cents"].to_numpy(dtype=np.float64) >= self.high_value_cents
        customer_id = raw.frame["customer_id"].to_numpy(dtype=object)
        return self._membership(customer_id, history, found, none, rich)

    def place(self, z: Columns) -> Placed:
        """Return the nearest persona of customers in the space, CHUNK at a time."""
        parts = [self._place(z[start : start + CHUNK]) for start in range(0, len(z), CHUNK)]
        return Placed(*(np.concatenate(column) for column in zip(*parts, strict=True)))

    def labels(self, z: Columns) -> Int[np.ndarray, " customers"]:
        """Return ids of personas, -1 for none."""
        found = self.place(z)
        inside = found.distance <= self.caps[found.nearest]
        return np.where(inside, self.ids[found.nearest], NO_PERSONA).astype(np.int64)

    def centroids(self) -> Float[np.ndarray, "personas columns"]:
        """Return the mean of the points of each persona."""
        return np.stack([self.points[self.owner == k].mean(axis=0) for k in range(len(self.ids))])

    def parameters(self) -> list[Parameter]:
        """Return what was found when fitting."""
        nan = float("nan")
        told = {
            "personas": (float(len(self.ids)), "how many were found"),
            "noise_share": (self.noise_share, "share of customers in none"),
            "outlier_value_share": (self.outlier_value_share, "of value, of high-value outliers"),
            "recognised": (self.recognised, "share of customers who get back what was found"),
        }
        if self.space.rate.size:
            r, alpha = map(float, self.space.rate)
            told |= {
                "r": (r, "shape of the Gamma of purchase rates"),
                "alpha": (alpha, "its rate, days"),
            }
        return [Parameter(n, value, nan, nan, nan, words) for n, (value, words) in told.items()]

    def log_likelihood(self) -> dict[str, float]:
        """Return nothing: distances have no likelihood."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """Return how the clusters were chosen, and whether outliers hold much of the value."""
        rich = (
            f"Customers of high value in no persona hold {self.outlier_value_share:.1%} of all "
            "value: they need a person, not a persona.",
        )
        chosen = (self.why,) if self.why else ()
        return chosen + (rich if self.outlier_value_share > 0.1 else ())

    def _place(self, z: Columns) -> Placed:
        if self.kind == "gmm":
            probabilities, apart = mixture_logs(z, self.points, self.covariances, self.weights)
            nearest = probabilities.argmax(axis=1)
            return Placed(nearest, apart[np.arange(len(z)), nearest], probabilities)
        squared = self._squared(z)
        nearest = squared.argmin(axis=1)
        if self.kind == "grid":
            nearest = self._cell(z, nearest)
            probabilities = np.eye(len(self.ids))[nearest]
        else:
            probabilities = soft(squared, self.spread)
        distance = np.sqrt(squared[np.arange(len(z)), nearest])
        return Placed(nearest.astype(np.int64), distance, probabilities)

    def _squared(self, z: Columns) -> ByPersona:
        """Return squared distances to the nearest point of each persona."""
        every = squared_distances(z, self.points)
        if len(self.points) == len(self.ids):
            return every
        columns = [every[:, self.owner == k].min(axis=1) for k in range(len(self.ids))]
        return np.column_stack(columns)

    def _cell(self, z: Columns, nearest: np.ndarray) -> np.ndarray:
        """Return the persona of each customer's cell, or the nearest where a cell was empty."""
        place = np.full((self.edges.shape[1] + 1) ** 2, -1)
        place[self.cells] = np.arange(len(self.cells))
        own = place[cell_of(z, self.edges)]
        return np.where(own >= 0, own, nearest)

    def _membership(
        self,
        customer_id: np.ndarray,
        history: History,
        found: Placed,
        none: Bool[np.ndarray, " customers"],
        rich: Bool[np.ndarray, " customers"],
    ) -> Membership:
        names = np.array(self.names, dtype=object)
        near = names[found.nearest]
        without = np.where(rich, VIP, REST)
        rows = np.arange(len(none))
        columns: dict[str, Any] = {
            "customer_id": customer_id,
            "as_of": history.cutoff,
            "persona": np.where(none, NO_PERSONA, self.ids[found.nearest]).astype(np.int64),
            "persona_name": np.where(none, without, near),
            "probability": found.probabilities[rows, found.nearest],
            "nearest_persona": self.ids[found.nearest].astype(np.int64),
            "nearest_name": near,
            "distance": found.distance,
            "high_value": none & rich,
        }
        personas = pd.DataFrame({"persona": self.ids, "persona_name": list(self.names)})
        return membership(pd.DataFrame(columns), personas, found.probabilities)
