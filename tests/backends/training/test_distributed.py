"""Two processes over gloo: the averaged gradient is that of the whole batch, and training works."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
    pytest.skip("torch was built without gloo", allow_module_level=True)

import distributed_worker as worker  # noqa: E402
from accelerators import obtain_or_skip  # noqa: E402

from tempotron_backends.training import distributed  # noqa: E402


def torchrun(*command, processes=2):
    """Processes of a command, one thread each."""
    start = ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return subprocess.run(
        [sys.executable, "-m", *start, *map(str, command)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_two_processes_give_the_gradient_of_one(tmp_path):
    meeting = tmp_path / "store"
    command = [sys.executable, str(worker.__file__), str(meeting)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as other:
        found = worker.averaged_gradients(meeting, 0)
        _, error = other.communicate(timeout=120)
    assert other.returncode == 0, error
    in_spikes, label = worker.batch()
    for name, module in worker.modules().items():
        worker.loss_of(name, module, in_spikes, label).backward()
        for key, parameter in module.named_parameters():
            expected = parameter.grad.numpy()
            scale = np.abs(expected).max()
            assert scale > 0.0
            np.testing.assert_allclose(
                found[f"{name}.{key}"], expected, rtol=0.0, atol=1e-12 * scale
            )
        # a share alone has another gradient, so the average was taken
        module.zero_grad()
        worker.loss_of(name, module, in_spikes[::2], label[::2]).backward()
        first = next(iter(module.parameters())).grad.numpy()
        key = next(iter(module.state_dict()))
        assert np.abs(found[f"{name}.{key}"] - first).max() > 1e-3 * np.abs(first).max()


def check_training(*options, **how):
    done = torchrun("-m", "tempotron_backends.training.distributed", "--epochs=8", *options, **how)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("epoch")]
    assert len(lines) == 8  # one process reports
    accuracy = float(lines[-1].split("held out")[1].split("%")[0])
    assert accuracy > 75.0


@pytest.mark.slow
def test_the_command_trains():
    check_training()


@pytest.mark.gpu
def test_the_command_trains_over_nccl():
    """One process: a machine is sure to have one device only."""
    obtain_or_skip("torch:cuda")
    if not torch.distributed.is_nccl_available():
        pytest.skip("torch was built without NCCL")
    check_training("--backend=nccl", processes=1)


@pytest.mark.slow
def test_the_command_says_what_is_wrong():
    done = torchrun("-m", "tempotron_backends.training.distributed", "--batch-size=7")
    assert done.returncode != 0
    assert "batch_size must be a multiple of the 2 processes, got 7" in done.stderr
    if not torch.distributed.is_nccl_available():
        done = torchrun("-m", "tempotron_backends.training.distributed", "--backend=nccl")
        assert done.returncode != 0
        assert "no group of processes by --backend nccl" in done.stderr
    alone = subprocess.run(
        [sys.executable, "-m", "tempotron_backends.training.distributed"],
        env={k: v for k, v in os.environ.items() if k != "RANK"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert alone.returncode == 2
    assert "start this with torchrun" in alone.stderr


@pytest.fixture(scope="module")
def group():
    """This process alone as a group."""
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


@pytest.mark.usefixtures("group")
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("epochs", "0", "epochs must be from 1"),
        ("batch-size", "100000", r"batch_size must be at most the \d+ patterns .* got 100000"),
        ("learning-rate", "-1", "learning_rate must be .* got -1.0"),
        ("temperature", "0", "temperature must be .* got 0.0"),
        ("hold-out", "2", "hold_out must be between 0 and 1, got 2.0"),
        ("seed", "-1", "seed must be from 0 .* got -1"),
    ],
)
def test_options_out_of_range(option, value, message):
    args = distributed._parser().parse_args([f"--{option}={value}"])
    with pytest.raises(ValueError, match=message):
        distributed.train(args)
