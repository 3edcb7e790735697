"""fastxent.torch.linear_cross_entropy: torch decides about odd arguments."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from tests.tensors import DOUBLE, assert_same_outcome, each_reduction, marks  # noqa: E402
from tests.torch_layer import ours, theirs  # noqa: E402

pytestmark = marks
H, W, Y = torch.ones(3, 2), torch.ones(4, 2), torch.tensor([0, 1, 3])


@pytest.mark.parametrize(
    "args",
    [
        (H, W, torch.tensor([0, 1, 4])), (H, W, torch.tensor([0, 1, -1])), (H, W, Y[:2]), (H, W, Y.int()),
        (H, W, Y.bool()), (H, W, Y.to(torch.uint8)), (H, W, torch.ones(3, 4, dtype=torch.int64)),
        (H, W, -torch.ones(3, 4)), (H, W, torch.full((3, 4), np.nan)), (H, W.T, Y), (H, W[0], Y), (H[None], W, Y),
        (H, W.double(), Y), (H.long(), W.long(), Y), (H[:0], W, Y[:0]), (H, W[:0], Y), (H[:, :0], W[:, :0], Y),
        (H + np.nan, W, Y), (H, W, torch.full((3,), -100)), (H.numpy(), W, Y), (H, W, [0, 1, 3]),
        (H, torch.ones(4, 6, 2), torch.zeros(3, 6, dtype=torch.int64)), (H[0], W, Y[0]), (H.to_sparse(), W, Y),
        (None, W, Y), (H, None, Y), (H, W, None),
    ],
)  # fmt: skip
@each_reduction
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_arguments(args, reduction):
    assert_same_outcome(partial(ours, *args, reduction=reduction), partial(theirs, *args, reduction=reduction))


@pytest.mark.parametrize(
    "options",
    [
        {"reduction": "avg"}, {"label_smoothing": 1.5}, {"ignore_index": 1}, {"reduction": None}, {"ignore_index": 1.0},
        {"linear_bias": torch.ones(3)}, {"linear_bias": torch.ones(4, dtype=DOUBLE)}, {"weight": -torch.ones(4)},
        {"weight": torch.ones(3)}, {"weight": torch.ones(4, dtype=DOUBLE)}, {"ignore_index": 2**70},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("target", [Y, torch.ones(3, 4)], ids=["index", "distribution"])
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_options(options, target):
    assert_same_outcome(partial(ours, H, W, target, **options), partial(theirs, H, W, target, **options))


def test_other_devices_are_refused_by_name():
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda:0")

    with pytest.raises(NotImplementedError, match="on the CPU, but a tensor is on cuda:0"):
        ours(H, W.as_subclass(Elsewhere), Y)
    assert ours(H.to("meta"), W.to("meta"), Y.to("meta")).device.type == "meta"
