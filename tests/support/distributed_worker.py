"""One of two processes that share a batch: the gradients averaged over both.

The other is the one that runs tests/backends/training/test_distributed.py.  For a stack of two
layers and one on the grid.
"""

import sys

import numpy as np
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from tempotron_backends.torch import ExactTempotron, Tempotron

B, N, HIDDEN, OUT, T = 12, 9, 5, 3, 40


def modules():
    torch.manual_seed(3)
    stack = torch.nn.Sequential(
        ExactTempotron(N, HIDDEN, T, dtype=torch.float64),
        ExactTempotron(HIDDEN, OUT, T, ret_type="v_max", dtype=torch.float64),
    )
    grid = Tempotron(N, OUT, T, dtype=torch.float64)
    with torch.no_grad():
        for parameter in (*stack.parameters(), *grid.parameters()):
            parameter.mul_(2.0).add_(0.3)
    return {"stack": stack, "grid": grid}


def batch():
    rng = np.random.default_rng(1)
    return torch.tensor(rng.uniform(-5.0, 42.0, (B, N))), torch.tensor(rng.integers(0, OUT, B))


def loss_of(name, module, in_spikes, label):
    v_max = module(in_spikes) if name == "stack" else module(in_spikes, "v_max")
    return torch.nn.functional.cross_entropy(v_max, label)


def averaged_gradients(store, rank):
    """Meet the other process at a file."""
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    try:
        gradients = _averaged_gradients()
        dist.barrier()  # nobody leaves while another is at work
    finally:
        dist.destroy_process_group()
    return gradients


def _averaged_gradients():
    share = slice(dist.get_rank(), None, dist.get_world_size())
    in_spikes, label = (tensor[share] for tensor in batch())
    gradients = {}
    for name, module in modules().items():
        model = DistributedDataParallel(module)
        loss_of(name, model, in_spikes, label).backward()
        for key, parameter in module.named_parameters():
            gradients[f"{name}.{key}"] = parameter.grad.numpy()
    return gradients


if __name__ == "__main__":
    torch.set_num_threads(1)
    averaged_gradients(sys.argv[1], 1)
