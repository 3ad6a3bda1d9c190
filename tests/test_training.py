"""Training: backends agree, both losses learn, interruptions and bad settings are handled."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx import small_images

from tempotron_backends import Backend, select
from tempotron_backends.datasets import Dataset
from tempotron_backends.experiment import Experiment, TrainedModel
from tempotron_backends.recipe import Recipe
from tempotron_backends.training import classify, train
from tempotron_core import Events, Neuron, peak

os.environ.setdefault("MPLBACKEND", "Agg")

QUICK = Recipe(epochs=6, batch_size=8, n_fields=3)


class Recorder:
    """Keeps what a run reports, and presses Ctrl-C after a number of batches."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.batches: list[tuple[int, int]] = []
        self.epochs: list[tuple[int, float, float]] = []
        self.interrupt_after = interrupt_after

    def on_batch(self, done: int, of: int) -> None:
        self.batches.append((done, of))
        if len(self.batches) == self.interrupt_after:
            raise KeyboardInterrupt

    def on_epoch(self, epoch: int, loss: float, accuracy: float) -> None:
        self.epochs.append((epoch, loss, accuracy))


def small_dataset(n: int = 60) -> Dataset:
    images, labels = small_images(n)
    features = images.reshape(n, 20).astype(np.float64)
    return Dataset("bright rows", features, labels.astype(np.int64), (0.0, 255.0), (5, 4))


def run(
    recipe: Recipe = QUICK, backend: Backend | None = None, dtype: str = "float32", **more: Any
) -> tuple[Any, Any, Recorder]:
    progress = Recorder(**more)
    experiment = Experiment.prepare(small_dataset(), recipe, backend or select("numpy"), dtype)
    return experiment, experiment.train(progress), progress


@pytest.fixture(scope="module")
def reference() -> Any:
    return run(dtype="float64")


def test_backends_agree(backend: Backend, dtype: Any, reference: Any) -> None:
    name = "float32" if "float32" in str(dtype) else "float64"
    experiment, training, _ = run(backend=backend, dtype=name)
    weight = backend.to_numpy(experiment.model.weight)
    expected = reference[0].model.weight
    close = 2e-4 if name == "float32" else 1e-9
    assert weight.dtype == name
    np.testing.assert_allclose(weight, expected, atol=close * np.abs(expected).max())
    np.testing.assert_allclose(training.history["loss"], reference[1].history["loss"], rtol=1e-3)
    assert training.history["accuracy"] == reference[1].history["accuracy"]
    assert experiment.held_out_hits() == reference[0].held_out_hits()


@pytest.mark.parametrize("loss", ["tempotron", "mse"])
@pytest.mark.parametrize("encoder", ["gaussian", "latency"])
def test_both_losses_learn_from_both_encoders(loss: str, encoder: str) -> None:
    recipe = replace(QUICK, loss=loss, encoder=encoder, epochs=15)
    experiment, training, _ = run(recipe)
    assert training.history["loss"][-1] < 0.4 * training.history["loss"][0]
    assert training.history["accuracy"][-1] > 0.95
    assert experiment.held_out_hits() >= 12  # of 15; 5 by chance


def test_the_first_step_is_the_tempotron_rule() -> None:
    """One batch, written out: errors alone change weights, by the kernel at their peaks."""
    recipe = replace(QUICK, epochs=1, batch_size=45, warm_up=0.0, margin=0.0)
    experiment = Experiment.prepare(small_dataset(), recipe, select("numpy"), "float64")
    start = experiment.model.weight.copy()
    labels = experiment.dataset.labels[experiment.train_index]
    times = experiment.times[experiment.train_index].astype(np.float64)
    neuron = recipe.neuron
    found = peak(Events.from_latencies(times, recipe.duration), start, neuron)
    rate = recipe.learning_rate / np.isfinite(times).sum(axis=1).mean()
    expected = start.copy()
    for b, label in enumerate(labels):
        for o in range(3):
            fires = found.v_max[b, o] > neuron.v_threshold
            sign = int(o == label) - int(fires)
            lag = found.t_max[b, o] - times[b]
            active = (lag >= 0) & (found.t_max[b, o] > 0)
            lag = np.where(active, lag, 0.0)
            eta = neuron.tau / neuron.tau_s
            t_peak = neuron.tau * np.log(eta) / (eta - 1)
            height = np.exp(-t_peak / neuron.tau) - np.exp(-t_peak / neuron.tau_s)
            kernel = (np.exp(-lag / neuron.tau) - np.exp(-lag / neuron.tau_s)) / height
            expected[o] += rate * sign / len(labels) * np.where(active, kernel, 0.0)
    experiment.train(Recorder())
    assert not np.array_equal(expected, start)
    np.testing.assert_allclose(experiment.model.weight, expected, atol=1e-12)


def test_a_run_repeats_exactly_and_seeds_differ() -> None:
    first, second, other = run(), run(), run(replace(QUICK, seed=1))
    np.testing.assert_array_equal(first[0].model.weight, second[0].model.weight)
    assert first[1].history == second[1].history
    assert not np.array_equal(first[0].model.weight, other[0].model.weight)


def test_progress_hears_of_every_batch_and_epoch() -> None:
    _, training, progress = run()
    assert progress.batches == 6 * [(i + 1, 6) for i in range(6)]  # 45 patterns in batches of 8
    assert [epoch for epoch, _, _ in progress.epochs] == list(range(1, 7))
    assert [loss for _, loss, _ in progress.epochs] == training.history["loss"]


@pytest.mark.parametrize(("after", "epochs"), [(1, 0), (6, 0), (14, 2)])
def test_an_interrupted_run_keeps_what_it_has(after: int, epochs: int, tmp_path: Path) -> None:
    experiment, training, _ = run(interrupt_after=after)
    complete, *_ = run()
    assert training.interrupted
    assert len(training.history["loss"]) == len(training.history["accuracy"]) == epochs
    assert not np.array_equal(training.weight, complete.model.weight)
    experiment.save(tmp_path / "model.npz", training, experiment.held_out_hits())
    read = TrainedModel.read(tmp_path / "model.npz", select("numpy"))
    np.testing.assert_array_equal(read.model.weight, training.weight)


def test_no_epochs_leave_the_weights_as_drawn() -> None:
    experiment, training, progress = run(replace(QUICK, epochs=0))
    bound = experiment.model.in_features**-0.5
    assert np.abs(training.weight).max() <= bound
    assert training.history == {"loss": [], "accuracy": []}
    assert progress.epochs == []


def test_batches_may_be_larger_than_the_data() -> None:
    _, training, progress = run(replace(QUICK, batch_size=1000))
    assert progress.batches == 6 * [(1, 1)]
    assert np.isfinite(training.weight).all()


def test_divergence_is_an_error() -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="training diverged in epoch"):
        run(replace(QUICK, learning_rate=1e38, warm_up=0.0, loss="mse", epochs=20))


def test_classes_are_those_of_the_largest_potential(backend: Backend) -> None:
    rng = np.random.default_rng(2)
    latencies, weight = rng.uniform(0.0, 30.0, (23, 6)), rng.normal(size=(4, 6))
    events = Events.from_latencies(backend.from_numpy(latencies, "float32"), 30.0)
    given = backend.from_numpy(weight, "float32")
    v_max = peak(Events.from_latencies(latencies, 30.0), weight, Neuron()).v_max
    for batch_size in (1, 10, 256):
        found = classify(backend, events, given, Neuron(), batch_size=batch_size)
        np.testing.assert_array_equal(found, v_max.argmax(axis=1))
        assert found.dtype == np.int64
    assert classify(backend, events[:0], given, Neuron()).shape == (0,)


def test_a_trained_model_knows_its_held_out_part(tmp_path: Path) -> None:
    experiment, training, _ = run()
    hits = experiment.held_out_hits()
    experiment.save(tmp_path / "model.npz", training, hits)
    model = TrainedModel.read(tmp_path / "model.npz", select("numpy"))
    index = model.held_out_part(experiment.dataset)
    np.testing.assert_array_equal(index, experiment.held_out_index)
    found = model.classify(experiment.dataset.features[index])
    assert int((found == experiment.dataset.labels[index]).sum()) == hits
    assert model.held_out_part(small_dataset(48)) is None
    model.held_out["checksum"] += 1
    with pytest.raises(ValueError, match="checkpoint must come from a NumPy that splits data"):
        model.held_out_part(experiment.dataset)


def test_checkpoints_move_between_backends(backend: Backend, tmp_path: Path) -> None:
    experiment, training, _ = run()
    experiment.save(tmp_path / "model.npz", training, 0)
    model = TrainedModel.read(tmp_path / "model.npz", backend)
    found = model.classify(experiment.dataset.features)
    here = TrainedModel.read(tmp_path / "model.npz", select("numpy"))
    np.testing.assert_array_equal(found, here.classify(experiment.dataset.features))


def test_the_recipe_survives_a_round_trip_and_garbled_ones_do_not() -> None:
    assert Recipe.from_dict(QUICK.to_dict()) == QUICK
    with pytest.raises(ValueError, match=r"recipe must hold the settings.*'colour'"):
        Recipe.from_dict(QUICK.to_dict() | {"colour": 1})
    with pytest.raises(ValueError, match="recipe must hold every setting, seed missing"):
        Recipe.from_dict({k: v for k, v in QUICK.to_dict().items() if k != "seed"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": "rate"}, "encoder must be one of .* got 'rate'"),
        ({"loss": "hinge"}, "loss must be one of .* got 'hinge'"),
        ({"n_fields": 2}, "n_fields must be an integer, 3 or more, got 2"),
        ({"epochs": -1}, "epochs must be an integer, 0 or more, got -1"),
        ({"batch_size": 0}, "batch_size must be an integer, 1 or more, got 0"),
        ({"seed": -3}, "seed must be an integer, 0 or more, got -3"),
        ({"seed": 1.5}, r"seed must be an integer, 0 or more, got 1\.5"),
        ({"duration": 0.0}, "duration must be between 0.* got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be between 0.* got nan"),
        ({"hold_out": 1.0}, r"hold_out must be between 0.* got 1\.0"),
        ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got"),
        ({"warm_up": -0.1}, "warm_up must be at least 0 and below 1, got"),
        ({"margin": -1.0}, "margin must be 0 or more, got"),
        ({"tau": -1.0}, "tau must be positive and finite"),
    ],
)
def test_bad_recipes(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**change)


def test_the_step_size_warms_up_and_falls_to_zero() -> None:
    recipe = Recipe(learning_rate=2.0, warm_up=0.1)
    sizes = [recipe.step_size(progress, 10.0) for progress in np.linspace(0.0, 1.0, 101)]
    assert sizes[0] == 0.0
    assert sizes[-1] == pytest.approx(0.0, abs=1e-12)
    assert max(sizes) == sizes[10] < 0.2
    assert np.all(np.diff(sizes[10:]) < 0.0)
    assert Recipe(warm_up=0.0).step_size(0.0, 0.0) == Recipe().learning_rate


def test_training_takes_any_events() -> None:
    """Not only latencies: spike trains, through the function below the command line."""
    rng = np.random.default_rng(0)
    trains = rng.uniform(0.0, 30.0, (30, 10, 2))
    labels = np.arange(30) % 2
    trains[labels == 1, :5] = np.inf
    backend = select("numpy")
    events = Events.from_trains(trains, 30.0)
    weight = rng.uniform(-0.3, 0.3, (2, 10))
    state = train(backend, events, labels, weight, replace(QUICK, epochs=20), rng, Recorder())
    assert state.history["accuracy"][-1] == 1.0
