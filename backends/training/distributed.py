"""Train on several processes: ``torchrun -m tempotron_backends.training.distributed``.

A short, complete example of `torch.nn.parallel.DistributedDataParallel` around an
`ExactTempotron`.  Each process works on its share of every batch, and the gradients are averaged
before a step.  With shares of equal size that is the gradient of the whole batch, so every number
of processes that divides the batch size takes the same steps, up to rounding and the order of
patterns.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from tempotron_core.arrays.numbers import positive_float, whole_number

from ..data.built_in import load_digits
from ..data.idx import load_idx_folder
from ..data.splits import hold_out
from ..recipes import Recipe, usual_encoder
from ..torch.exact_tempotron import ExactTempotron

__all__ = ["main", "train"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="torchrun --nproc-per-node N -m tempotron_backends.training.distributed",
        description="Train one tempotron per class on several processes.",
    )
    add = parser.add_argument
    add("--data", metavar="DIR", help="folder of images in MNIST's IDX format (default: digits)")
    add("--hold-out", type=float, default=0.1, help="part to test on (default: %(default)s)")
    add("--epochs", type=int, default=5, help="(default: %(default)s)")
    add("--batch-size", type=int, default=64, help="of all processes (default: %(default)s)")
    add("--learning-rate", type=float, default=0.15, help="times the spikes (default: %(default)s)")
    add("--temperature", type=float, default=0.1, help="of the softmax (default: %(default)s)")
    add("--seed", type=int, default=0, help="(default: %(default)s)")
    add("--backend", choices=("gloo", "nccl"), default="gloo", help="(default: %(default)s)")
    return parser


def _patterns(args: argparse.Namespace) -> tuple[TensorDataset, TensorDataset, Recipe]:
    """Latencies and labels to learn from and to test on, the same in every process."""
    dataset = load_digits() if args.data is None else load_idx_folder(args.data)
    encoder = usual_encoder(dataset.features.shape[1])
    recipe = Recipe(encoder=encoder, window=10.0 if encoder == "latency" else None)

    def part(index: Any) -> TensorDataset:
        latencies = recipe.encode(dataset.features[index], dataset.value_range)
        return TensorDataset(torch.from_numpy(latencies), torch.from_numpy(dataset.labels[index]))

    kept, held_out = hold_out(dataset, args.hold_out, np.random.default_rng(args.seed))
    return part(kept), part(held_out), recipe


def train(args: argparse.Namespace) -> float:
    """Train in this process, one of a group that `torch.distributed` knows.

    Parameters
    ----------
    args : argparse.Namespace
        The options of the command.

    Returns
    -------
    float
        Accuracy on the held-out patterns, the same in every process.

    Raises
    ------
    ValueError
        If the number of processes does not divide the batch size, a batch is larger than the data
        or another option is out of range.
    """
    rank, n_processes = dist.get_rank(), dist.get_world_size()
    if args.batch_size < 1 or args.batch_size % n_processes:
        raise ValueError(
            f"batch_size must be a multiple of the {n_processes} processes, got {args.batch_size}"
        )
    epochs = whole_number("epochs", args.epochs)
    learning_rate = positive_float("learning_rate", args.learning_rate)
    temperature = positive_float("temperature", args.temperature)
    device = torch.device("cpu")
    if args.backend == "nccl":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    if not 0.0 < args.hold_out < 1.0:
        raise ValueError(f"hold_out must be between 0 and 1, got {args.hold_out}")
    whole_number("seed", args.seed, least=0)
    kept, held_out, recipe = _patterns(args)
    if args.batch_size > len(kept):
        raise ValueError(
            f"batch_size must be at most the {len(kept)} patterns to learn from, "
            f"got {args.batch_size}"
        )
    latencies, labels = kept.tensors
    n_classes = int(labels.max()) + 1
    mean_spikes = float(torch.isfinite(latencies).sum(dim=1).to(torch.float32).mean())

    torch.manual_seed(args.seed)
    layer = ExactTempotron(
        latencies.shape[1], n_classes, recipe.duration, recipe.tau, recipe.tau_s, ret_type="v_max"
    )
    model = DistributedDataParallel(layer.to(device))
    optimiser = torch.optim.Adam(model.parameters(), learning_rate / max(mean_spikes, 1.0))
    sampler: DistributedSampler[Any] = DistributedSampler(kept, seed=args.seed, drop_last=True)
    batches = DataLoader(
        kept, batch_size=args.batch_size // n_processes, sampler=sampler, drop_last=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * len(batches))
    accuracy = 0.0
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        start, total = time.perf_counter(), torch.zeros(())
        for in_spikes, label in batches:
            optimiser.zero_grad()
            v_max = model(in_spikes.to(device))
            loss = cross_entropy(v_max / temperature, label.to(device))
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            total += loss.detach().cpu()
        accuracy = _accuracy(layer, held_out, device)
        if rank == 0:
            seconds = time.perf_counter() - start
            print(
                f"epoch {epoch + 1}/{epochs}  loss {float(total) / len(batches):.4f}  "
                f"held out {100.0 * accuracy:.2f} %  {seconds:.1f} s",
                flush=True,
            )
    return accuracy


def _accuracy(layer: ExactTempotron, held_out: TensorDataset, device: torch.device) -> float:
    """Part of the held-out patterns that is right; every process reads its share of them."""
    rank, n_processes = dist.get_rank(), dist.get_world_size()
    latencies, labels = (tensor[rank::n_processes] for tensor in held_out.tensors)
    right = torch.zeros((), device=device)
    with torch.no_grad():
        for in_spikes, label in zip(
            torch.split(latencies, 1024), torch.split(labels, 1024), strict=True
        ):
            v_max = layer(in_spikes.to(device))
            assert isinstance(v_max, Tensor)
            right += (v_max.argmax(dim=1) == label.to(device)).sum()
    dist.all_reduce(right)
    return float(right) / len(held_out)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in one process of the group and return its exit code."""
    args = _parser().parse_args(argv)
    if "RANK" not in os.environ:
        print(
            "start this with torchrun, which names the processes: "
            "torchrun --standalone --nproc-per-node 2 -m tempotron_backends.training.distributed",
            file=sys.stderr,
        )
        return 2
    try:
        dist.init_process_group(args.backend)
    except (RuntimeError, ValueError) as error:  # this PyTorch has no NCCL, or no device for it
        print(f"error: no group of processes by --backend {args.backend}: {error}", file=sys.stderr)
        return 1
    try:
        train(args)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Left to the interpreter, one exit in some twenty aborts over a thread of PyTorch's (2.13) that
    # still runs, and torchrun then reports a failure.
    os._exit(code)
