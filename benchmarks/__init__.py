"""Benchmarks: one file per claim, each against its peer; `python -m benchmarks` runs all.

The process that measures imports no numerical library: the peak of a child counts from before it
became another program, so a big parent would hide a small child.
"""
