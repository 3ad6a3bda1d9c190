"""Update rules against plain loops and torch, and their state across an interruption."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from tempotron_core.learning.optimisers import Adam, Momentum

GRADIENTS = np.random.default_rng(0).normal(size=(6, 2, 3))
START = np.random.default_rng(1).normal(size=(2, 3))
RULES: dict[str, Any] = {
    "momentum": lambda: Momentum(0.1, 0.8, weight_decay=0.05),
    "adam": lambda: Adam(0.1, beta_1=0.8, beta_2=0.95, epsilon=1e-6, weight_decay=0.05),
}


def run(rule: Any, weight: Any, gradients: Any, first: int = 0) -> Any:
    """Steps of a falling size."""
    for n, gradient in enumerate(gradients, first):
        rule.learning_rate = 0.1 / (n + 1)
        weight = rule.step(weight, gradient)
    return weight


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_momentum_repeats_a_part_of_the_last_change(
    decay: float, asarray: Any, to_numpy: Any
) -> None:
    weight, rule = asarray(START), Momentum(1.0, momentum=0.8, weight_decay=decay)
    weight = run(rule, weight, [asarray(g) for g in GRADIENTS])
    plain, delta = START, 0.0
    for n, gradient in enumerate(GRADIENTS):
        delta = -0.1 / (n + 1) * gradient + 0.8 * delta
        plain = plain + delta - 0.1 / (n + 1) * decay * plain
    np.testing.assert_allclose(to_numpy(weight), plain, rtol=1e-5, atol=1e-6)
    assert weight.dtype == asarray(START).dtype
    assert weight.device == asarray(START).device
    assert repr(rule).startswith("Momentum(learning_rate=0.01")
    assert f"momentum=0.8, weight_decay={decay}" in repr(rule)


@pytest.mark.on_jax
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_follows_its_definition(decay: float, asarray: Any, to_numpy: Any) -> None:
    rule = Adam(1.0, beta_1=0.7, beta_2=0.9, epsilon=1e-3, weight_decay=decay)
    weight = run(rule, asarray(START), [asarray(g) for g in GRADIENTS])
    plain = START.copy()
    for i in np.ndindex(*START.shape):
        m = s = 0.0
        for n, gradient in enumerate(GRADIENTS[(slice(None), *i)]):
            m, s = 0.7 * m + 0.3 * gradient, 0.9 * s + 0.1 * gradient**2
            m_hat, s_hat = m / (1 - 0.7 ** (n + 1)), s / (1 - 0.9 ** (n + 1))
            rate = 0.1 / (n + 1)
            plain[i] -= rate * decay * plain[i] + rate * m_hat / (math.sqrt(s_hat) + 1e-3)
    np.testing.assert_allclose(to_numpy(weight), plain, rtol=1e-5, atol=1e-6)
    assert weight.dtype == asarray(START).dtype
    assert weight.device == asarray(START).device


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(2, 3), (6,), (0, 3)])
def test_a_step_of_adam_at_once_to_the_last_bit(shape: Any, dtype: Any, monkeypatch: Any) -> None:
    """Compiled or in passes, of weights of any shape, and nothing that was given out changes."""
    draw = np.random.default_rng(2)
    gradients = list(draw.normal(size=(5, *shape)).astype(dtype))
    start = draw.normal(size=shape).astype(dtype)
    found, rule = start, RULES["adam"]()
    for gradient in gradients:
        before = found, rule.mean, rule.square
        copies = [None if array is None else array.copy() for array in before]
        found = rule.step(found, gradient)
        for array, copy in zip(before, copies, strict=True):
            np.testing.assert_array_equal(array, copy)
    monkeypatch.setattr("tempotron_core.learning.optimisers.adam.fused", lambda *_: None)
    expected, other = start, RULES["adam"]()
    for gradient in gradients:
        expected = other.step(expected, gradient)
    for one, two in ((found, expected), (rule.mean, other.mean), (rule.square, other.square)):
        assert one.dtype == two.dtype == dtype
        assert one.shape == two.shape
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_adam_is_that_of_torch(decay: float) -> None:
    torch = pytest.importorskip("torch")
    theirs = torch.tensor(START, requires_grad=True)
    optimiser = torch.optim.AdamW([theirs], lr=0.02, weight_decay=decay)
    ours, rule = START, Adam(0.02, weight_decay=decay)
    for gradient in GRADIENTS:
        theirs.grad = torch.tensor(gradient)
        optimiser.step()
        ours = rule.step(ours, gradient)
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-13)


@pytest.mark.parametrize("name", RULES)
def test_arguments_are_left_as_they_are(name: str) -> None:
    rule, weight, gradients = RULES[name](), START.copy(), GRADIENTS.copy()
    run(rule, weight, gradients)
    kept = {key: np.copy(value) for key, value in rule.state().items()}
    state = rule.state()
    run(rule, weight, gradients)
    np.testing.assert_array_equal(weight, START)
    np.testing.assert_array_equal(gradients, GRADIENTS)
    for key, value in state.items():
        np.testing.assert_array_equal(value, kept[key])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("after", [0, 3])
def test_a_restored_rule_continues_bit_for_bit(
    name: str, after: int, asarray: Any, to_numpy: Any
) -> None:
    gradients = [asarray(g) for g in GRADIENTS]
    expected = run(RULES[name](), asarray(START), gradients)
    first = RULES[name]()
    weight = run(first, asarray(START), gradients[:after])
    state = first.state()
    numbers = {key: value for key, value in state.items() if isinstance(value, int | float)}
    state |= json.loads(json.dumps(numbers))
    assert len(state) - len(numbers) == (0 if after == 0 else len(first._ARRAYS))
    second = type(first)(7.0)
    second.restore(state)
    assert repr(second) == repr(first)
    weight = run(second, weight, gradients[after:], after)
    np.testing.assert_array_equal(to_numpy(weight), to_numpy(expected))


@pytest.mark.parametrize("name", RULES)
def test_restoring_an_early_state_forgets_the_steps(name: str) -> None:
    rule = RULES[name]()
    early = rule.state()
    first = run(rule, START, GRADIENTS)
    rule.restore(early)
    np.testing.assert_array_equal(run(rule, START, GRADIENTS), first)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: [*s], TypeError, "state must be a mapping, got list"),
        (lambda s: s | {"velocity": 1.0}, ValueError, r"none missing and \['velocity'\] unknown"),
        (lambda s: {k: v for k, v in s.items() if k != "weight_decay"}, ValueError, "weight_decay"),
        (lambda s: s | {"learning_rate": -1.0}, ValueError, "learning_rate must be a finite"),
        (lambda s: s | {"weight_decay": "much"}, ValueError, "weight_decay must be a finite"),
        (
            lambda s: {k: [0.0] if np.ndim(v) else v for k, v in s.items()},
            TypeError,
            "state must hold an array as (delta|mean|square), got list",
        ),
    ],
)
def test_bad_states(name: str, change: Any, error: type, message: str) -> None:
    rule = RULES[name]()
    run(rule, START, GRADIENTS)
    before = rule.state()
    with pytest.raises(error, match=message):
        rule.restore(change(before))
    assert rule.state().keys() == before.keys()
    assert all(rule.state()[key] is before[key] for key in rule._ARRAYS)


def test_states_of_adam_that_do_not_agree() -> None:
    rule = Adam(0.1)
    run(rule, START, GRADIENTS)
    state = rule.state()
    with pytest.raises(ValueError, match=r"\['square'\] missing"):
        rule.restore({key: value for key, value in state.items() if key != "square"})
    with pytest.raises(ValueError, match=r"arrays of one shape, got \[\(2, 3\), \(3,\)\]"):
        rule.restore(state | {"square": state["square"][0]})
    with pytest.raises(ValueError, match="if and only if n_steps is positive, got 0"):
        rule.restore(state | {"n_steps": 0})
    with pytest.raises(ValueError, match="if and only if n_steps is positive, got 2"):
        rule.restore(Adam(0.1).state() | {"n_steps": 2})
    with pytest.raises(TypeError, match=r"n_steps must be an integer, got 1\.5"):
        rule.restore(state | {"n_steps": 1.5})
    with pytest.raises(ValueError, match=r"beta_2 must be a number in \[0, 1\), got 2"):
        rule.restore(state | {"beta_2": 2})
    with pytest.raises(ValueError, match=r"entries of a Momentum, got \['momentum'\] missing"):
        Momentum(0.1).restore(state)


@pytest.mark.parametrize("rule", [Momentum, Adam])
@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan, "fast"])
def test_bad_rates(rule: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=f"learning_rate must be a finite number.*{value}"):
        rule(value)
    with pytest.raises(ValueError, match=f"weight_decay must be a finite number.*{value}"):
        rule(0.1, weight_decay=value)


@pytest.mark.parametrize("value", [-0.1, 1.0, math.nan, "much"])
def test_bad_parts(value: Any) -> None:
    with pytest.raises(ValueError, match=rf"momentum must be a number in \[0, 1\).*{value}"):
        Momentum(0.1, value)
    with pytest.raises(ValueError, match=rf"beta_1 must be a number in \[0, 1\).*{value}"):
        Adam(0.1, beta_1=value)
    with pytest.raises(ValueError, match=rf"beta_2 must be a number in \[0, 1\).*{value}"):
        Adam(0.1, beta_2=value)


@pytest.mark.parametrize("value", [0.0, -1e-8, math.inf, math.nan])
def test_bad_epsilon(value: Any) -> None:
    with pytest.raises(ValueError, match=f"epsilon must be positive and finite.*{value}"):
        Adam(0.1, epsilon=value)
    with pytest.raises(TypeError, match="epsilon must be a real number, got 'small'"):
        Adam(0.1, epsilon="small")  # type: ignore[arg-type]


def test_an_epsilon_that_would_round_to_zero() -> None:
    zero = np.zeros(2, dtype=np.float32)
    with pytest.raises(ValueError, match=r"epsilon must be at least .* float32, got 1e-60"):
        Adam(0.1, epsilon=1e-60).step(zero, zero)
    np.testing.assert_array_equal(Adam(0.1).step(zero, zero), zero)


@pytest.mark.parametrize("name", RULES)
def test_bad_steps(name: str) -> None:
    rule = RULES[name]()
    with pytest.raises(ValueError, match=r"gradient must have the shape of weight, \(2,\).*\(3,\)"):
        rule.step(np.zeros(2), np.zeros(3))
    rule.step(np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match=r"weight must keep its shape between steps, \(2,\)"):
        rule.step(np.zeros(3), np.zeros(3))
    with pytest.raises(TypeError, match="weight must be an array"):
        rule.step([0.0, 0.0], np.zeros(2))
    torch = pytest.importorskip("torch")
    with pytest.raises(TypeError, match=r"weight and (delta|mean) of the last step must come"):
        rule.step(torch.zeros(2), torch.zeros(2))
