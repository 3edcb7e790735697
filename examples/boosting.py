"""
One digit against the rest, boosted
===================================

XGBoost and LightGBM with a plain, a weighted and a focal objective.

scikit-learn ships 1797 pictures of digits. Which of them are an eight? One in ten is, so the classes are unbalanced.
Boosted trees learn it with three objectives: the cross entropy; the cross entropy with as much weight on the eights
as on all others; focal loss, which puts weight on what is not right yet. Each is trained with XGBoost and with
LightGBM, from the true labels, and from labels of which a tenth is wrong. What comes out is printed as measured; no
objective is meant to win.

Run it where fastxent[boosting,plot,sklearn] is installed: ``python examples/boosting.py``.
"""

# %%
import lightgbm
import matplotlib.pyplot as plt
import numpy as np
import xgboost
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, f1_score, log_loss, recall_score
from sklearn.model_selection import StratifiedKFold

from fastxent.boosting import focal_objective, sigmoid_objective

DIGIT, ROUNDS, FOLDS, WRONG = 8, 30, 3, 0.1
pictures, digits = load_digits(return_X_y=True)
labels = (digits == DIGIT).astype(int)
print(f"{len(labels)} pictures, {labels.sum()} of them a {DIGIT}; {FOLDS} folds, {ROUNDS} trees")

# %% [markdown]
# The objectives, as each library calls them. One score a row is the logit of "an eight".

# %%
balance = [1.0, (labels == 0).sum() / (labels == 1).sum()]
OBJECTIVES = {
    "plain": lambda library: sigmoid_objective(library),
    "weighted": lambda library: sigmoid_objective(library, class_weight=balance),
    "focal": lambda library: focal_objective(library, gamma=2.0),
}


# %%
def xgboost_scores(objective, train, test):
    """Scores of the test part; the objective is ours, or None for XGBoost's own."""
    # the objective's own name says how scores and probabilities are related: base_score 0.5 is the score 0
    params = {"objective": "binary:logistic", "base_score": 0.5, "max_depth": 3, "eta": 0.3, "nthread": 2}
    model = xgboost.train(params, xgboost.DMatrix(*train), ROUNDS, obj=objective)
    return model.predict(xgboost.DMatrix(test), output_margin=True)


def lightgbm_scores(objective, train, test):
    """Scores of the test part; the objective is ours, or None for LightGBM's own."""
    params = {"num_leaves": 8, "learning_rate": 0.3, "num_threads": 2, "verbose": -1, "boost_from_average": False}
    params["objective"] = objective or "binary"
    return lightgbm.train(params, lightgbm.Dataset(*train), ROUNDS).predict(test, raw_score=True)


LIBRARIES = {"xgboost": xgboost_scores, "lightgbm": lightgbm_scores}


# %% [markdown]
# The plain objective trains the model that each library trains with its own.

# %%
for library, scores_of in LIBRARIES.items():
    ours, own = (
        scores_of(objective, (pictures, labels), pictures) for objective in (OBJECTIVES["plain"](library), None)
    )
    print(f"{library}: scores differ from its own objective's by {np.abs(ours - own).max():.0e} at most")


# %% [markdown]
# Average precision looks at the order of the scores alone; recall and F1 at the threshold 0. The log loss takes scores
# for logits, which those of weighted and focal objectives are not meant to be.


# %%
def measures(truth, scores):
    """Average precision, F1, recall and log loss."""
    found = scores > 0
    probabilities = 1 / (1 + np.exp(-scores.astype(float)))
    return (
        average_precision_score(truth, scores),
        f1_score(truth, found),
        recall_score(truth, found),
        log_loss(truth, probabilities),
    )


def cross_validated(scores_of, objective, seed, wrong):
    """The measures on each fold's test part, whose labels are always the true ones."""
    rng = np.random.default_rng(seed)
    results = []
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(pictures, labels):
        taught = np.where(rng.random(len(train)) < wrong, 1 - labels[train], labels[train])
        scores = scores_of(objective, (pictures[train], taught), pictures[test])
        results.append(measures(labels[test], scores))
    return np.mean(results, axis=0)


# %%
precisions = {}
print(f"\n{'labels':<12}{'library':<10}{'objective':<10}{'avg. precision':>15}{'F1':>8}{'recall':>8}{'log loss':>10}")
for wrong in (0.0, WRONG):
    for library, scores_of in LIBRARIES.items():
        for name, objective in OBJECTIVES.items():
            precision, f1, recall, loss = cross_validated(scores_of, objective(library), 0, wrong)
            said = f"{wrong:.0%} wrong" if wrong else "true"
            precisions[f"{said}, {library}", name] = precision
            print(f"{said:<12}{library:<10}{name:<10}{precision:>15.4f}{f1:>8.3f}{recall:>8.3f}{loss:>10.4f}")

# %% [markdown]
# The precisions side by side.

# %%
figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
for name in OBJECTIVES:
    groups, values = zip(*((group, value) for (group, one), value in precisions.items() if one == name), strict=True)
    axes.plot(values, groups, "o", label=name, alpha=0.8)
axes.set(xlabel="average precision", title=f"{DIGIT} or not")
axes.legend()
