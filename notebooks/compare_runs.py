# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Compare runs
#
# Every run that was recorded, side by side. `lifeworth run experiment=clv_cdnow` adds one;
# `lifeworth run -m model=btyd_bgnbd,btyd_heuristic_rate` adds several.

# %%
from lifeworth import runs
from lifeworth.report import comparison

frame = runs()

# %% [markdown]
# ## The runs
#
# Money is in cents here, as in the scorecards; the figures below show currency units.

# %%
comparison.table(frame)

# %% [markdown]
# ## Errors
#
# A line for each model on each data set, a dot for each run, with its interval where one was
# computed. Further left is better. Intervals that overlap widely: the runs cannot be told apart.

# %%
comparison.errors(frame, "purchases_mae")

# %%
comparison.errors(frame, "value_mae")

# %%
comparison.errors(frame, "value_rmse")

# %% [markdown]
# ## The total and the order
#
# A budget needs the right total (bias near zero), a campaign the right order of customers (Gini
# near one). The best runs lie to the right, on the dotted line.

# %%
comparison.bias_against_gini(frame)

# %% [markdown]
# ## Time
#
# Seconds to fit, by model and data set.

# %%
comparison.seconds(frame)
