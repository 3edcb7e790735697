"""An evaluation of pieces, each of them the names of two .npy files, on Spark."""

import numpy as np

from fastxent.evaluation import Evaluation


def evaluate(pieces, n_classes, session):
    def evaluation_of(piece):
        logits, target = piece
        return Evaluation(n_classes).update(np.load(logits, mmap_mode="r"), np.load(target))

    parts = session.sparkContext.parallelize(pieces, len(pieces)).map(evaluation_of)
    return parts.treeReduce(lambda one, other: Evaluation(n_classes).merge(one, other))
