"""Uplift: what an offer changes, and what it costs.

math    value and cost of an offer for each customer and arm
"""
