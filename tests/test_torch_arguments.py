"""fastxent.torch: torch decides about odd arguments, and what the docstrings say."""

import doctest
from functools import partial
from inspect import signature

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import fastxent.torch as ft  # noqa: E402
from tests.docstrings import (  # noqa: E402
    assert_every_parameter_is_described,
    assert_starts_with_one_sentence,
    run_examples,
    section,
)
from tests.pages import API, lists  # noqa: E402
from tests.tensors import (  # noqa: E402
    DOUBLE,
    assert_same_outcome,
    classes,
    each_reduction,
    marks,
)

pytestmark = marks


X, Y = torch.zeros(3, 4), torch.tensor([0, 1, 3])


@pytest.mark.parametrize(
    "args",
    [
        (X, torch.tensor([0, 1, 4])), (X, torch.tensor([0, 1, -1])), (X, Y[:2]), (X, Y.int()), (X, Y.float()),
        (X, Y.bool()), (X, Y.to(torch.uint8)), (X, Y, torch.ones(3)), (X, Y, torch.ones(4, dtype=DOUBLE)),
        (X, torch.ones(3, 4, dtype=torch.int64)), (X, torch.ones(3, 4, dtype=DOUBLE)), (X, -torch.ones(3, 4)),
        (X, Y, -torch.ones(4)), (X.long(), Y), (torch.tensor(1.0), torch.tensor(0)), (X[:0], Y[:0]), (X[:, :0], Y),
        (X, Y, torch.ones(1, 4)),
        (X, [0, 1, 3]), (X.numpy(), Y), (X[0], Y[0]), (X.to(torch.complex64), Y), (X.to_sparse(), Y),
        (X, torch.full((3,), -100)), (X + np.nan, Y), (X, torch.full((3, 4), np.nan)),
        (torch.zeros(0), torch.tensor(0)), (X, None), (None, Y),
    ],
)  # fmt: skip
@each_reduction
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_arguments(args, reduction):
    assert_same_outcome(
        partial(ft.cross_entropy, *args, reduction=reduction), partial(F.cross_entropy, *args, reduction=reduction)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"reduction": "avg"}, {"label_smoothing": 1.5}, {"label_smoothing": -0.1}, {"size_average": False},
        {"reduce": False}, {"ignore_index": 1}, {"reduction": None}, {"label_smoothing": np.nan},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_options(options):
    assert_same_outcome(partial(ft.cross_entropy, X, Y, **options), partial(F.cross_entropy, X, Y, **options))
    assert_same_outcome(
        partial(ft.cross_entropy, X, X.softmax(1), **options), partial(F.cross_entropy, X, X.softmax(1), **options)
    )


@pytest.mark.parametrize("shape", [(4,), (3, 4), (3, 4, 2)], ids=str)
@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 1.0, 0.2, 0.7])], ids=["plain", "weighted"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@each_reduction
def test_torch_decides_which_labels_of_one_byte_it_takes(shape, weight, smoothing, reduction):
    logits, target = classes(shape)
    args = logits.detach(), target.clamp(min=0).to(torch.uint8), weight
    options = {"reduction": reduction, "label_smoothing": smoothing}
    assert_same_outcome(partial(ft.cross_entropy, *args, **options), partial(F.cross_entropy, *args, **options))
    if len(shape) == 2:
        linear = [
            partial(of.linear_cross_entropy, logits, torch.eye(4), args[1], weight=weight, **options) for of in (ft, F)
        ]
        assert_same_outcome(*linear)


@pytest.mark.parametrize(
    "args",
    [
        (X, Y), (X, X.double()), (X, X + 2), (X, X - 1), (X, X, -torch.ones(4)), (X, X, torch.ones(3)), (X, X.int()),
        (X, X, torch.ones(4, dtype=DOUBLE)), (X, X, torch.ones(2, 3, 4)), (torch.tensor(0.5), torch.tensor(1.0)),
        (X[:0], X[:0]), (X[:0], X[:0], torch.ones(4)), (X, X.bool()), (X.int(), X), (X + np.nan, X),
        (X, None), (None, X),
    ],
)  # fmt: skip
@each_reduction
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_binary_arguments(args, reduction):
    ours, theirs = ft.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits
    assert_same_outcome(partial(ours, *args, reduction=reduction), partial(theirs, *args, reduction=reduction))


def test_classes_with_rules_of_their_own_keep_them():
    class Marked(torch.Tensor):
        pass

    logits, target = classes((5, 7))
    assert type(ft.cross_entropy(logits.detach().as_subclass(Marked), target)) is Marked


def test_other_devices_are_refused_by_name():
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda:0")

    logits = torch.zeros(3, 4).as_subclass(Elsewhere)
    for function, target in ((ft.cross_entropy, Y), (ft.binary_cross_entropy_with_logits, X)):
        with pytest.raises(NotImplementedError, match="on the CPU, but a tensor is on cuda:0"):
            function(logits, target)
    assert ft.cross_entropy(X.to("meta"), Y.to("meta")).device.type == "meta"


@pytest.mark.parametrize("name, args", [
    ("cross_entropy", (X, Y)), ("binary_cross_entropy_with_logits", (X, X)), ("linear_cross_entropy", (X, X, Y)),
])  # fmt: skip
def test_collections_of_dask_are_referred_to_its_module(name, args):
    class Collection:
        def __dask_graph__(self):
            return {}

    parameters = list(signature(getattr(ft, name)).parameters)
    for i in range(len(args)):
        with pytest.raises(TypeError, match=rf"^{parameters[i]} is a .*fastxent\.dask"):
            getattr(ft, name)(*args[:i], Collection(), *args[i + 1 :])


@pytest.mark.parametrize("name", ft.__all__)
def test_signatures_are_torch_s_and_more(name):
    ours, theirs = (list(signature(getattr(of, name)).parameters.values()) for of in (ft, F if name in dir(F) else nn))
    ours = [(each.name, each.kind, each.default) for each in ours if each.name != "inplace_backward"]
    assert ours == [(each.name, each.kind, each.default) for each in theirs]


@pytest.mark.parametrize("name", ft.__all__)
def test_docstrings(name):
    value = getattr(ft, name)
    assert_starts_with_one_sentence(value)
    assert_every_parameter_is_described(value)
    assert section(value, "References")
    assert lists(API, name)
    assert run_examples(doctest.DocTestFinder().find(value, name)) > 2
