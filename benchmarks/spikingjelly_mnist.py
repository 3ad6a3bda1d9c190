"""SpikingJelly 0.0.0.0.14's MNIST training with only its imports changed, beside the original.

    python benchmarks/spikingjelly_mnist.py --data DIR --peer PYTHON

Each pixel is spread over m Gaussian fields, and ten tempotrons learn by plain gradient descent, as
in that library's example `tempotron_mnist`. This file is run twice, in one process after the other:
by this Python with `tempotron_backends.torch`, and by PYTHON, the interpreter of an environment
that has SpikingJelly 0.0.0.0.14, with its two modules. Both start from the same weights and see the
same batches. Printed are the losses, time and memory of both.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

BATCH_SIZE, LEARNING_RATE = 64, 1e-3
N_PIXELS, N_CLASSES = 28 * 28, 10
CLOSE = 1e-4
"""Largest difference of the losses that passes."""

PARTS = ("encode", "forward", "backward")


def train(library, folder, steps, m, n_steps):
    """Train in this process; leaves the losses and what they took in the folder."""
    import torch
    from torch import nn

    # Nothing else depends on the library.
    if library == "spikingjelly":
        import spikingjelly.timing_based.encoding as encoding
        import spikingjelly.timing_based.neuron as neuron
    else:
        import tempotron_backends.torch as encoding
        import tempotron_backends.torch as neuron

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.tempotron = neuron.Tempotron(N_PIXELS * m, N_CLASSES, n_steps)

        def forward(self, in_spikes):
            return self.tempotron(in_spikes, "v_max")

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    given = np.load(folder / "given.npz")
    images = torch.from_numpy(given["images"]).float().div(255.0)  # as torchvision's ToTensor
    labels = torch.from_numpy(given["labels"])
    encoder = encoding.GaussianTuning(n=1, m=m, x_min=torch.zeros(1), x_max=torch.ones(1))
    net = Net()
    net.load_state_dict({"tempotron.fc.weight": torch.from_numpy(given["weight"])})
    optimizer = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE)
    before = peak_memory()

    losses, seconds = [], []
    for step in range(steps):
        batch = slice(step * BATCH_SIZE, (step + 1) * BATCH_SIZE)
        image, label = images[batch].unsqueeze(1), labels[batch]
        ticks = [time.perf_counter()]
        in_spikes = encoder.encode(image, n_steps)
        in_spikes = in_spikes.view(in_spikes.shape[0], -1)
        ticks.append(time.perf_counter())
        optimizer.zero_grad()
        v_max = net(in_spikes)
        loss = neuron.Tempotron.mse_loss(v_max, net.tempotron.v_threshold, label, N_CLASSES)
        ticks.append(time.perf_counter())
        loss.backward()
        optimizer.step()
        ticks.append(time.perf_counter())
        losses.append(loss.item())
        seconds.append(np.diff(ticks).tolist())
    found = {"losses": losses, "seconds": seconds, "before": before, "memory": peak_memory()}
    (folder / f"{library}.json").write_text(json.dumps(found))


def peak_memory():
    """Largest resident memory of this process so far, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def prepare(folder, data, steps, m, seed):
    """Write the batches in their order and the first weights."""
    from tempotron_backends.data.idx import load_idx_folder

    dataset = load_idx_folder(data, part="train")
    if dataset.features.shape[1] != N_PIXELS:
        raise ValueError(f"data must hold images of 28 x 28, got {dataset.image_shape}")
    rng = np.random.default_rng(seed)
    epochs = -(-steps * BATCH_SIZE // len(dataset))
    order = np.concatenate([rng.permutation(len(dataset)) for _ in range(epochs)])
    order = order[: steps * BATCH_SIZE]
    bound = (N_PIXELS * m) ** -0.5
    weight = rng.uniform(-bound, bound, (N_CLASSES, N_PIXELS * m)).astype(np.float32)
    np.savez(
        folder / "given.npz",
        images=dataset.features[order],
        labels=dataset.labels[order],
        weight=weight,
    )


def run(python, library, folder, args):
    """Train in a process of its own and return what it found."""
    command = [python, __file__, "--library", library, "--folder", str(folder)]
    command += ["--steps", str(args.steps), "-m", str(args.m), "-T", str(args.T)]
    threads = str(args.threads)
    limited = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    environment = os.environ | dict.fromkeys(limited, threads)
    print(f"{library}: {args.steps} steps, {threads} thread(s) ...", flush=True)
    subprocess.run(command, check=True, env=environment)
    return json.loads((folder / f"{library}.json").read_text())


def describe(library, found):
    seconds = np.asarray(found["seconds"])
    parts = (f"{part} {1e3 * median(seconds[:, i]):.2f}" for i, part in enumerate(PARTS))
    total = seconds.sum(axis=1)
    print(
        f"{library:13} {1e3 * median(total):9.2f} ms a step ({', '.join(parts)}); "
        f"first step {1e3 * total[0]:.0f} ms; "
        f"memory {found['memory'] / 2**20:.0f} MiB, "
        f"{(found['memory'] - found['before']) / 2**20:.0f} of it in training"
    )
    return median(total)


def compare(args):
    """Run one or both, and report; returns whether the losses agree."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, args.data, args.steps, args.m, args.seed)
        found = {"tempotron": run(sys.executable, "tempotron", folder, args)}
        if args.peer:
            found["spikingjelly"] = run(args.peer, "spikingjelly", folder, args)
    print("step  " + "  ".join(f"{library:>13}" for library in found))
    for step, losses in enumerate(zip(*(each["losses"] for each in found.values()), strict=True)):
        print(f"{step:4d}  " + "  ".join(f"{loss:13.7f}" for loss in losses))
    medians = [describe(library, each) for library, each in found.items()]
    if not args.peer:
        return True
    losses = np.asarray([each["losses"] for each in found.values()])
    difference = np.abs(losses[0] - losses[1]).max()
    print(f"largest difference of the losses {difference:.2g} (at most {CLOSE:g} passes)")
    print(f"{medians[1] / medians[0]:.0f} times as fast")
    return bool(difference <= CLOSE)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", metavar="DIR", help="folder of MNIST's IDX files")
    parser.add_argument("--peer", metavar="PYTHON", help="Python that has SpikingJelly 0.0.0.0.14")
    parser.add_argument("--steps", type=int, default=50, help="batches of 64 (default 50)")
    parser.add_argument("--threads", type=int, default=1, help="of each process (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order (default 0)")
    parser.add_argument("-m", type=int, default=16, help="fields per pixel (default 16)")
    parser.add_argument("-T", type=int, default=100, help="time steps (default 100)")
    for internal in ("--library", "--folder"):  # what this file passes to itself
        parser.add_argument(internal, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.steps < 1:
        parser.error(f"--steps must be at least 1, got {args.steps}")
    if args.library:
        train(args.library, Path(args.folder), args.steps, args.m, args.T)
        return
    if not args.data:
        parser.error("--data must name the folder of MNIST's IDX files")
    if args.peer:
        found = shutil.which(args.peer)
        if found is None:
            parser.error(f"--peer must name a Python interpreter, got {args.peer!r}")
        args.peer = found
    try:
        agree = compare(args)
    except (FileNotFoundError, ValueError, subprocess.CalledProcessError) as error:
        parser.error(str(error))
    if not agree:
        sys.exit(1)


if __name__ == "__main__":
    main()
