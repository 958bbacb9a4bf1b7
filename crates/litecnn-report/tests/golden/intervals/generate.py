"""Intervals as `contenders/interval.rs` expects them: pip install scipy statsmodels."""

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

for values in [[0.61, 0.63, 0.625], [0.61, 0.63, 0.625, 0.6, 0.66]]:
    error = stats.sem(values)
    print(values, stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=error))
for hits, trials in [(9_000, 10_000), (10, 10)]:
    print(hits, trials, proportion_confint(hits, trials, alpha=0.05, method="wilson"))
