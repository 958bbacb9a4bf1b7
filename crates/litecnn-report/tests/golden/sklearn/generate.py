"""Writes cases.json: scikit-learn's classification_report and confusion_matrix for seeded random predictions.

Run with Python 3 and `pip install scikit-learn==1.9.1 numpy`:

    python generate.py > cases.json

The same versions give the same bytes.
"""

import json
import sys
import warnings

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

warnings.filterwarnings("ignore")
random = np.random.default_rng(20250115)

CLOTHES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"]


def guesses(true, classes, hit):
    """Predictions that are right with probability `hit`, else any class."""
    return np.where(random.random(len(true)) < hit, true, random.integers(0, classes, len(true)))


def case(name, classes, true, predicted, names=None, labels=None, digits=2):
    listed = list(range(classes)) if labels is None else labels
    names = [str(i) for i in range(classes)] if names is None else names
    shown = [names[i] for i in listed]
    arguments = dict(labels=listed, target_names=shown, digits=digits)
    values = classification_report(true, predicted, output_dict=True, labels=listed, target_names=shown)
    return {
        "name": name,
        "classes": classes,
        "class_names": names,
        "labels": labels,
        "digits": digits,
        "true": [int(x) for x in true],
        "predicted": [int(x) for x in predicted],
        "confusion": confusion_matrix(true, predicted, labels=range(classes)).tolist() if classes <= 20 else None,
        "values": values,
        "text": classification_report(true, predicted, **arguments),
    }


def uniform(name, classes, images, hit, **more):
    true = random.integers(0, classes, images)
    return case(name, classes, true, guesses(true, classes, hit), **more)


cases = [
    uniform("two classes", 2, 50, 0.7),
    uniform("three classes, all wrong or lucky", 3, 40, 0.0),
    uniform("ten classes", 10, 500, 0.9),
    uniform("ten classes, four digits", 10, 300, 0.6, digits=4),
    uniform("no digits", 4, 60, 0.5, digits=0),
    uniform("more digits than the column holds", 3, 31, 0.5, digits=15),
    uniform("class names", 10, 400, 0.8, names=CLOTHES),
    uniform("long names", 3, 60, 0.5, names=["a", "a name that is longer than any heading", "weighted avg of some"]),
    uniform("names counted in characters", 3, 30, 0.5, names=["Käfer", "猫", "où ça où ça où ça"]),
    uniform("many classes", 137, 700, 0.7),
    uniform("a subset of the classes", 6, 120, 0.6, labels=[1, 2, 4]),
    uniform("a subset in another order", 5, 80, 0.6, labels=[4, 0]),
]

for classes in (5, 7, 8, 9, 10, 12, 16, 20):
    # Equal supports make averages that end in 5 common: how ties are rounded shows here.
    true = np.repeat(np.arange(classes), 20)
    cases.append(case(f"balanced, {classes} classes", classes, true, guesses(true, classes, 0.7)))

true = random.integers(0, 4, 60)
cases += [
    case("never predicted", 5, random.integers(0, 5, 80), random.integers(0, 3, 80)),
    case("never true", 5, random.integers(0, 3, 80), random.integers(0, 5, 80)),
    case("absent from both, listed", 6, true, guesses(true, 4, 0.5)),
    case("absent from both, subset covers the rest", 6, true, guesses(true, 4, 0.5), labels=[0, 1, 2, 3, 5]),
    case("subset without support", 4, np.array([0, 0, 1]), np.array([0, 1, 1]), labels=[2, 3]),
    case("subset only predicted", 4, np.array([0, 0, 1, 1]), np.array([0, 2, 1, 3]), labels=[2, 3]),
    case("single class, right", 1, np.zeros(7, int), np.zeros(7, int)),
    case("single class of two", 2, np.ones(7, int), np.ones(7, int)),
    case("all wrong", 2, np.zeros(5, int), np.ones(5, int)),
    case("one image", 3, np.array([2]), np.array([2])),
    uniform("one name for two classes", 3, 30, 0.5, names=["a", "b", "a"]),
    uniform("classes named like averages", 3, 30, 0.5, names=["accuracy", "b", "macro avg"]),
]

lines = [json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases]
sys.stdout.write("[\n" + ",\n".join(lines) + "\n]\n")
