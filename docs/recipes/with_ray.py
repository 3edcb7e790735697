"""An evaluation of pieces, each of them the names of two .npy files, on Ray."""

import numpy as np
import ray

from fastxent.evaluation import Evaluation


@ray.remote
def evaluation_of(logits, target, n_classes):
    return Evaluation(n_classes).update(np.load(logits, mmap_mode="r"), np.load(target))


def evaluate(pieces, n_classes):
    parts = [evaluation_of.remote(logits, target, n_classes) for logits, target in pieces]
    evaluation = Evaluation(n_classes)
    while parts:
        (done,), parts = ray.wait(parts)  # whichever is the first
        evaluation.merge(ray.get(done))
    return evaluation
