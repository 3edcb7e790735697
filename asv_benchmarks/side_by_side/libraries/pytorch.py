"""torch, eager, on tensors that share the arrays' memory."""

import torch
from torch.nn import functional as F

KNOWS_HALF = True


def _tensor(array):
    """Of any float dtype; bfloat16 by its bits."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


def numpy_of(result):
    """NumPy has no bfloat16."""
    return result.numpy() if result.dtype != torch.bfloat16 else result.float().numpy()


def _calls(mean, x):
    """The loss without and with autograd's graph."""
    leaf = x.detach().requires_grad_()

    def loss():
        with torch.inference_mode():
            return mean(x), None

    def loss_and_gradient():
        value = mean(leaf)
        (grad,) = torch.autograd.grad(value, leaf)
        return value.detach(), grad

    return {"loss": loss, "loss + gradient": loss_and_gradient}


def softmax(problem, n_threads):
    torch.set_num_threads(n_threads)
    target = torch.from_numpy(problem.target)
    return _calls(lambda x: F.cross_entropy(x, target), _tensor(problem.rows))


def sigmoid(problem, n_threads):
    torch.set_num_threads(n_threads)
    target = torch.from_numpy(problem.target)
    return _calls(lambda x: F.binary_cross_entropy_with_logits(x, target), torch.from_numpy(problem.logits))


def clamped(problem, n_threads):
    torch.set_num_threads(n_threads)
    index = torch.from_numpy(problem.target)[:, None]

    def mean(q):
        return -q.gather(1, index).clamp_min(problem.eps).log().mean()

    return _calls(mean, torch.from_numpy(problem.logits))


def log_softmax(problem, n_threads):
    torch.set_num_threads(n_threads)
    x = torch.from_numpy(problem.rows)

    def values():
        with torch.inference_mode():
            return None, torch.log_softmax(x, problem.axis)

    return {"log_softmax": values}
