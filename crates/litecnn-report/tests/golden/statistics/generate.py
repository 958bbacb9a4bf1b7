"""Writes cases.json: bootstrap intervals, McNemar tests, calibration and Brier scores by SciPy, statsmodels, NumPy.

Run with Python 3 and `pip install scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0`:

    python generate.py > cases.json

The same versions give the same bytes.
"""

import json
import sys
import warnings
from decimal import Decimal, getcontext

import numpy as np
import scipy.stats
from sklearn.metrics import brier_score_loss
from statsmodels.stats.contingency_tables import mcnemar

# float32 probabilities do not sum to exactly one.
warnings.filterwarnings("ignore")
random = np.random.default_rng(20250115)


def exact_interval(thirds, level):
    """The interval that ever more resamples come to: quantiles of the exact distribution of the sum of the draws.

    One draw is a polynomial in x, whose powers count thirds; all draws together are a power of it.
    """
    images = sum(thirds)
    length = 3 * images + 1
    one = np.zeros(length)
    one[:4] = np.array(thirds) / images
    below = np.cumsum(np.fft.irfft(np.fft.rfft(one) ** images, length))
    outside = (1 - level) / 2
    return [int(np.searchsorted(below, at)) / (3 * images) for at in (outside, 1 - outside)]


def bootstrap(thirds, level, resamples=50_000):
    """`thirds` counts the images that none, one, two and three of three models get right."""
    correct = np.repeat(np.arange(4) / 3, thirds)
    result = scipy.stats.bootstrap(
        (correct,), np.mean, confidence_level=level, n_resamples=resamples, method="percentile", batch=500, rng=random
    )
    interval = result.confidence_interval
    return {
        "thirds": thirds,
        "level": level,
        "resamples": resamples,
        "scipy": [float(interval.low), float(interval.high)],
        "exact": exact_interval(thirds, level),
    }


def two_sided(few, many):
    """Twice the binomial probability of at most `few` of `few + many`, to 60 digits."""
    getcontext().prec = 60
    getcontext().Emin = -10_000_000
    term, total = Decimal(1), Decimal(1)
    for k in range(few):
        term = term * (few + many - k) / (k + 1)
        total += term
    return float(min(Decimal(1), 2 * total / Decimal(2) ** (few + many)))


def compare(only_first, only_second):
    exact = two_sided(*sorted((only_first, only_second)))
    tosses = only_first + only_second
    binomtest = float(scipy.stats.binomtest(only_first, tosses).pvalue) if tosses else None
    table = mcnemar([[7, only_first], [only_second, 3]], exact=True)
    return {
        "only_first": only_first,
        "only_second": only_second,
        "exact": exact,
        "binomtest": binomtest,
        "statsmodels": float(table.pvalue),
    }


def calibration(name, bins, confidence, correct):
    """As Guo et al. 2017 define it, bin by bin; only that a confidence of 0 is in the first bin."""
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, bool)
    rows, expected, maximum = [], 0.0, 0.0
    for m in range(1, bins + 1):
        low, high = (m - 1) / bins, m / bins
        inside = (confidence > low) & (confidence <= high)
        if m == 1:
            inside |= confidence == 0
        sure = float(confidence[inside].mean()) if inside.any() else 0.0
        right = float(correct[inside].mean()) if inside.any() else 0.0
        rows.append([int(inside.sum()), sure, right])
        expected += float(inside.mean()) * abs(right - sure)
        maximum = max(maximum, abs(right - sure))
    return {
        "name": name,
        "confidence": confidence.tolist(),
        "correct": correct.astype(int).tolist(),
        "bins": rows,
        "expected": expected,
        "maximum": maximum,
    }


def sure(name, bins, images, power):
    """Confidences towards 1, as models have them, and right somewhat less often than they say."""
    confidence = (random.random(images) ** power).round(4)
    return calibration(name, bins, confidence, random.random(images) < 0.9 * confidence)


def brier(images, classes):
    probabilities = random.dirichlet(np.full(classes, 0.4), images).astype(np.float32)
    label = random.integers(0, classes, images)
    exact = probabilities.astype(float)
    score = float(((exact - np.eye(classes)[label]) ** 2).sum(axis=1).mean())
    judged = brier_score_loss(label, exact, labels=range(classes), scale_by_half=False)
    return {
        "classes": classes,
        "label": label.tolist(),
        "probabilities": [[float(str(p)) for p in row] for row in probabilities],
        "numpy": score,
        "sklearn": float(judged),
    }


parts = {
    "bootstrap": [
        bootstrap([20, 0, 0, 180], 0.95),
        bootstrap([97, 0, 0, 9903], 0.95, 10_000),
        bootstrap([150, 40, 50, 760], 0.95),
        bootstrap([150, 40, 50, 760], 0.5),
        bootstrap([150, 40, 50, 760], 0.99),
        bootstrap([12, 9, 11, 8], 0.9),
        bootstrap([1, 0, 2, 47], 0.95),
    ],
    "mcnemar": [
        compare(*counts)
        for counts in [
            (0, 0), (1, 0), (0, 1), (1, 1), (5, 0), (0, 6), (3, 9), (10, 10), (25, 40), (61, 33), (120, 121),
            (400, 500), (0, 60), (2, 900), (100, 900), (1500, 1700), (4000, 5000), (3000, 7000), (4999, 5001),
            (20000, 20500), (48000, 52000), (250000, 251500),
        ]
    ],
    "calibration": [
        sure("fifteen bins, sure", 15, 300, 0.15),
        sure("ten bins, unsure", 10, 200, 0.8),
        sure("one bin", 1, 20, 0.5),
        calibration("edges of ten bins", 10, [i / 10 for i in range(11)] * 2, [1, 0] * 11),
        calibration("one image", 15, [0.62], [1]),
    ],
    "brier": [brier(60, 10), brier(30, 3), brier(20, 2)],
}

# What two libraries or formulas say must agree before ours is held to it.
for case in parts["mcnemar"]:
    for theirs in (case["binomtest"], case["statsmodels"]):
        assert theirs is None or abs(theirs - case["exact"]) <= 1e-9 * case["exact"], case
for case in parts["brier"]:
    assert abs(case["numpy"] - case["sklearn"]) < 1e-6, case

lines = [
    f'"{name}":[\n' + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]"
    for name, cases in parts.items()
]
sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
