"""Scores and costs into actions: frames in, frames out."""

from lifeworth.decide.tiers import TIERS, assign_tiers, guardrails, tier_table

__all__ = ["TIERS", "assign_tiers", "guardrails", "tier_table"]
