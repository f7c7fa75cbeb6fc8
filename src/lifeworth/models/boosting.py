"""How boosted trees are grown, in the words of recipes."""

from typing import Any, NamedTuple


class Growth(NamedTuple):
    """How trees are grown; `fewest` rows in a leaf."""

    trees: int
    leaves: int
    learning_rate: float
    fewest: int

    def words(self, seed: int) -> dict[str, Any]:
        """Return the arguments of scikit-learn's boosting."""
        return {
            "max_iter": self.trees,
            "max_leaf_nodes": self.leaves,
            "learning_rate": self.learning_rate,
            "min_samples_leaf": self.fewest,
            "early_stopping": False,
            "random_state": seed,
        }
