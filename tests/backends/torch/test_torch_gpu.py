"""The torch modules on a CUDA device; skipped, with the reason, where there is none.

``python -m pytest -m gpu tests/test_torch_gpu.py``.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from accelerators import obtain_or_skip  # noqa: E402
from torch_cases import (  # noqa: E402
    CASE_IDS,
    CASES,
    SPIKES,
    B,
    N,
    T,
    called,
    gradients,
    layer_of,
    loss_of,
    spikes,
    traced,
)

from tempotron_backends.torch import ExactTempotron  # noqa: E402
from tempotron_core import Events  # noqa: E402

pytestmark = pytest.mark.gpu

EVERY_CASE = pytest.mark.parametrize(("made", "ret_type"), CASES, ids=CASE_IDS)


@pytest.fixture(autouse=True)
def cuda():
    """The device, of which torch.compile forgets graphs after each test."""
    obtain_or_skip("torch:cuda")
    yield torch.device("cuda", 0)
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


def compared(found, expected, bar=1e-10):
    """Tensors on the device against those of the processor, relative to the largest entry."""
    for there, here in zip(found, expected, strict=True):
        assert there.device.type == "cuda"
        assert there.dtype == here.dtype
        largest = here.abs().max().item()
        assert largest > 0.0
        torch.testing.assert_close(there.cpu(), here, rtol=0.0, atol=bar * largest)


@EVERY_CASE
def test_values_and_gradients_are_those_of_the_processor(made, ret_type, cuda):
    layer = layer_of(made)
    given = layer.fc.weight.detach(), spikes()
    expected = gradients(called(layer, ret_type), *given)
    values = layer(spikes(), ret_type)
    layer.to(cuda)
    found = layer(spikes(device=cuda), ret_type)
    if isinstance(found, torch.Tensor):
        found, values = (found,), (values,)
    for there, here in zip(found, values, strict=True):
        torch.testing.assert_close(there.cpu(), here, rtol=0.0, atol=1e-10)
    compared(gradients(called(layer, ret_type), *(each.to(cuda) for each in given)), expected)


@pytest.mark.parametrize("ret_type", ["t_spike", "peak"])
def test_events_on_the_device(ret_type, cuda):
    layer = layer_of(ExactTempotron)
    expected = layer(Events.from_latencies(spikes(), T), ret_type)
    found = layer.to(cuda)(Events.from_latencies(spikes(device=cuda), T), ret_type)
    loss_of(found).backward()
    on_device = layer.fc.weight.grad
    layer = layer_of(ExactTempotron)
    loss_of(layer(spikes(), ret_type)).backward()
    compared([on_device], [layer.fc.weight.grad])
    torch.testing.assert_close(loss_of(found).cpu(), loss_of(expected), rtol=0.0, atol=1e-10)


@traced
@EVERY_CASE
def test_compiled(made, ret_type, cuda):
    layer = layer_of(made, device=cuda)
    given = layer.fc.weight.detach(), spikes(device=cuda)
    eager = called(layer, ret_type)
    expected = gradients(eager, *given)
    compared(gradients(torch.compile(eager, fullgraph=True), *given), [e.cpu() for e in expected])


@EVERY_CASE
def test_vmap_and_jacrev(made, ret_type, cuda):
    layer = layer_of(made, device=cuda)
    weight, in_spikes = layer.fc.weight.detach(), spikes(device=cuda)
    loss = called(layer, ret_type)
    one = torch.func.grad(lambda w, x: loss(w, x[None]), (0, 1))
    found = torch.func.vmap(one, (None, 0))(weight, in_spikes)
    parts = [one(weight, x) for x in in_spikes]
    expected = [torch.stack(each) for each in zip(*parts, strict=True)]
    compared(found, [each.cpu() for each in expected])
    jacobian = torch.func.jacrev(loss)(weight, in_spikes)
    compared([jacobian], [gradients(loss, weight, in_spikes)[0].cpu()])


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@EVERY_CASE
def test_autocast_changes_nothing(made, ret_type, half, cuda):
    layer = layer_of(made, torch.float32, device=cuda)
    in_spikes = spikes(torch.float32, device=cuda)
    expected = loss_of(layer(in_spikes, ret_type))
    with torch.autocast("cuda", dtype=half):
        found = loss_of(layer(in_spikes, ret_type))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.0, atol=0.0)


@EVERY_CASE
def test_weights_on_the_processor(made, ret_type, cuda):
    layer = layer_of(made)
    message = "in_spikes must be on the device of the weights, cpu, got cuda:0"
    with pytest.raises(ValueError, match=message):
        layer(spikes(device=cuda), ret_type)
    with pytest.raises(ValueError, match="the device of the weights, cuda:0, got cpu"):
        layer.to(cuda)(spikes(), ret_type)


def test_a_stack_trains_and_is_saved(cuda, tmp_path):
    def stack():
        return torch.nn.Sequential(
            ExactTempotron(N, 12, T, 10.0, 2.5, ret_type="t_spike"),
            ExactTempotron(12, 3, T, 10.0, 2.5, ret_type="v_max"),
        )

    torch.manual_seed(0)
    model = stack().to(cuda)
    with torch.no_grad():
        for layer in model:
            layer.fc.weight.mul_(2.0).add_(0.4)
    in_spikes = torch.tensor(SPIKES, dtype=torch.float32, device=cuda)
    label = torch.arange(B, device=cuda) % 3
    optimiser = torch.optim.Adam(model.parameters(), 0.03)
    losses = []
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(model(in_spikes), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    torch.save(model.state_dict(), tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", map_location="cpu", weights_only=True)
    assert {each.device.type for each in state.values()} == {"cpu"}
    again = stack()
    again.load_state_dict(state)
    np.testing.assert_allclose(
        torch.nn.functional.cross_entropy(again(in_spikes.cpu()), label.cpu()).item(),
        torch.nn.functional.cross_entropy(model(in_spikes), label).item(),
        rtol=1e-5,
    )
