"""Sources become the canonical tables of one store."""
