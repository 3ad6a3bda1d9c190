"""Training: backends agree, every loss learns, runs repeat, stop, resume and survive a kill."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx import small_images

from tempotron_backends import Backend, select
from tempotron_backends.data.dataset import Dataset
from tempotron_backends.data.event_encoding import encode_dataset
from tempotron_backends.data.event_files import EventFile
from tempotron_backends.data.loader import InMemory
from tempotron_backends.data.patterns import EventPatterns, FeaturePatterns
from tempotron_backends.plotting import training_figure
from tempotron_backends.recipes.files import named_recipes, read_recipe
from tempotron_backends.recipes.recipe import Recipe
from tempotron_backends.training.callbacks import Callback, CsvLog, Epoch
from tempotron_backends.training.example import example
from tempotron_backends.training.experiment import Experiment, KeepState
from tempotron_backends.training.loop import begin, classify, train
from tempotron_backends.training.trained_model import TrainedModel
from tempotron_core import Events, Network, Neuron, SilenceWarning, load, peak
from tempotron_core.networks.training import Training

os.environ.setdefault("MPLBACKEND", "Agg")

RULE = Recipe(
    epochs=6,
    batch_size=8,
    n_fields=3,
    window=None,
    neurons_per_class=1,
    loss="tempotron",
    optimiser="momentum",
    learning_rate=0.5,
    deletion=0.0,
)
"""The tempotron rule of the literature, with a margin."""
QUICK = Recipe(epochs=6, batch_size=8, n_fields=3, neurons_per_class=2, deletion=0.0)
DEEP = replace(
    QUICK,
    encoder="latency",
    window=10.0,
    duration=40.0,
    tau=40.0,
    tau_s=20.0,
    output_tau=10.0,
    output_tau_s=2.0,
    hidden=(30,),
    learning_rate=0.2,
)


class Recorder(Callback):
    """Keeps what a run reports, and presses Ctrl-C after a number of batches."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.batches: list[tuple[int, int]] = []
        self.epochs: list[Epoch] = []
        self.interrupt_after = interrupt_after

    def on_batch(self, done: int, of: int) -> None:
        self.batches.append((done, of))
        if len(self.batches) == self.interrupt_after:
            raise KeyboardInterrupt

    def on_epoch(self, epoch: Epoch, state: Training) -> None:  # noqa: ARG002
        self.epochs.append(epoch)


def small_dataset(n: int = 60) -> FeaturePatterns:
    images, labels = small_images(n)
    features = images.reshape(n, 20).astype(np.float64)
    return FeaturePatterns(
        Dataset("bright rows", features, labels.astype(np.int64), (0.0, 255.0), (5, 4))
    )


def run(
    recipe: Recipe = QUICK, backend: Backend | None = None, dtype: str = "float32", **more: Any
) -> tuple[Experiment, Training, Recorder]:
    progress = Recorder(**more)
    experiment = Experiment.prepare(small_dataset(), recipe, backend or select("numpy"), dtype)
    return experiment, experiment.train([progress]), progress


def weights_of(network: Network) -> list[Any]:
    return [np.asarray(weight) for weight in network.weights]


def assert_same(first: Network, second: Network) -> None:
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one, other)


def differ(first: Network, second: Network) -> bool:
    pairs = zip(weights_of(first), weights_of(second), strict=True)
    return any(not np.array_equal(one, other) for one, other in pairs)


# -- learning ---------------------------------------------------------------------------------


COMPARED = {"rule": RULE, "default": replace(QUICK, epochs=1), "deep": replace(DEEP, epochs=1)}


@pytest.fixture(scope="module")
def reference() -> Any:
    return {name: run(recipe, dtype="float64") for name, recipe in COMPARED.items()}


@pytest.mark.parametrize("name", COMPARED)
def test_backends_agree(name: str, backend: Backend, dtype: Any, reference: Any) -> None:
    """The same curves and weights but for rounding, which later epochs multiply."""
    single = "float32" in str(dtype)
    if name == "deep" and backend.name == "strict":
        pytest.skip("array-api-strict is slow, and its one layer is tested")
    width = "float32" if single else "float64"
    experiment, training, _ = run(COMPARED[name], backend=backend, dtype=width)
    expected, expected_training, _ = reference[name]
    np.testing.assert_allclose(
        training.history["loss"], expected_training.history["loss"], rtol=1e-4 if single else 1e-9
    )
    assert training.history["accuracy"] == expected_training.history["accuracy"]
    assert experiment.held_out_hits() == expected.held_out_hits()
    wanted = expected.state.network.weights
    for weight, target in zip(training.network.weights, wanted, strict=True):
        found = backend.to_numpy(weight)
        assert found.dtype == width
        close = 1e-3 if single else 1e-8
        np.testing.assert_allclose(found, target, atol=close * np.abs(target).max())


@pytest.mark.parametrize("loss", ["tempotron", "mse", "cross_entropy"])
@pytest.mark.parametrize("encoder", ["gaussian", "latency"])
@pytest.mark.parametrize("optimiser", ["momentum", "adam"])
def test_losses_learn_from_encoders_by_optimisers(loss: str, encoder: str, optimiser: str) -> None:
    rate = 0.5 if optimiser == "momentum" else 0.3
    recipe = replace(
        RULE, loss=loss, encoder=encoder, optimiser=optimiser, learning_rate=rate, epochs=40
    )
    experiment, training, _ = run(recipe)
    assert training.history["loss"][-1] < 0.6 * training.history["loss"][0]
    assert training.history["accuracy"][-1] > 0.9
    assert experiment.held_out_hits() >= 10  # of 15; 5 by chance


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": (20,)},
        {"hidden": (20,), "pass_on": "peak"},
        {"hidden": (20, 15)},
        {"pooling": "max"},
        {"pooling": "mean"},
        {"clip_norm": 0.5},
        {"schedule": "linear"},
        {"schedule": "exponential"},
        {"schedule": "constant", "learning_rate": 0.1},
        {"weight_decay": 0.01},
        {"jitter": 1.0, "shift": 0},
        {"recovery": "eligibility"},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::tempotron_core.SilenceWarning")
def test_settings_learn(change: dict[str, Any]) -> None:
    _, training, _ = run(replace(DEEP if "hidden" in change else QUICK, epochs=40, **change))
    assert max(training.history["accuracy"]) > 0.9


def test_images_can_be_moved() -> None:
    _, training, _ = run(replace(QUICK, shift=1, epochs=2))
    still, *_ = run(replace(QUICK, epochs=2))
    assert differ(training.network, still.state.network)


def test_the_first_step_is_the_tempotron_rule() -> None:
    """One batch, written out: errors alone change weights, by the kernel at their peaks."""
    recipe = replace(RULE, epochs=1, batch_size=45, warm_up=0.0, margin=0.0)
    data = small_dataset()
    experiment = Experiment.prepare(data, recipe, select("numpy"), "float64")
    start = experiment.state.network.weights[0] * np.asarray([[1.0], [2.0], [3.0]])
    experiment.state.network = experiment.state.network.with_weights([start])
    labels = data.labels[experiment.train_index]
    features = data.dataset.features[experiment.train_index]
    times = recipe.encode(features, data.dataset.value_range).astype(np.float64)
    (neuron,) = recipe.neurons
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
    assert (found.v_max > 1.0).any()
    assert (found.v_max < 1.0).any()
    experiment.train()
    assert not np.array_equal(expected, start)
    np.testing.assert_allclose(experiment.state.network.weights[0], expected, atol=1e-12)


@pytest.mark.parametrize("recipe", [RULE, QUICK, DEEP], ids=["rule", "default", "deep"])
def test_a_run_repeats_exactly_and_seeds_differ(recipe: Recipe) -> None:
    first, second, other = run(recipe), run(recipe), run(replace(recipe, seed=1))
    assert_same(first[1].network, second[1].network)
    assert first[1].history == second[1].history
    assert differ(first[1].network, other[1].network)


def test_callbacks_hear_of_every_batch_and_epoch() -> None:
    _, training, progress = run(replace(QUICK, validation=9))
    assert progress.batches == 6 * [(i + 1, 5) for i in range(5)]  # 36 patterns in batches of 8
    assert [epoch.number for epoch in progress.epochs] == list(range(1, 7))
    for name in ("loss", "accuracy", "validation_accuracy"):
        assert [getattr(epoch, name) for epoch in progress.epochs] == training.history[name]
    assert all(epoch.seconds > 0.0 and epoch.silent == 0 for epoch in progress.epochs)


@pytest.mark.parametrize(("after", "epochs"), [(1, 0), (6, 0), (14, 2)])
def test_an_interrupted_run_keeps_what_it_has(after: int, epochs: int, tmp_path: Path) -> None:
    experiment, training, _ = run(interrupt_after=after)
    complete, *_ = run()
    assert training.interrupted
    assert len(training.history["loss"]) == len(training.history["accuracy"]) == epochs
    assert differ(training.network, complete.state.network)
    experiment.save(tmp_path / "model.npz", {"correct": experiment.held_out_hits()})
    read = TrainedModel.read(tmp_path / "model.npz", select("numpy"))
    assert_same(read.network, training.network)


def test_no_epochs_leave_the_weights_as_drawn() -> None:
    experiment, training, progress = run(replace(QUICK, epochs=0))
    fresh = Experiment.prepare(small_dataset(), QUICK, select("numpy"))
    assert_same(experiment.state.network, fresh.state.network)
    assert training.history == {"loss": [], "accuracy": []}
    assert progress.epochs == []


def test_batches_may_be_larger_than_the_data() -> None:
    _, training, progress = run(replace(QUICK, batch_size=1000))
    assert progress.batches == 6 * [(1, 1)]
    assert all(np.isfinite(weight).all() for weight in weights_of(training.network))


def test_class_weights_are_inverse_frequencies() -> None:
    """A rare class moves the first step as much as the frequent one."""
    images, _ = small_images(40)
    labels = np.r_[np.zeros(30, dtype=np.int64), np.ones(10, dtype=np.int64)]
    data = FeaturePatterns(Dataset("rare", images.reshape(40, 20), labels, (0.0, 255.0)))
    recipe = replace(RULE, epochs=1, batch_size=100, warm_up=0.0, loss="cross_entropy")
    experiment = Experiment.prepare(data, replace(recipe, class_weight="balanced"), select("numpy"))
    balanced, plain = experiment.train(), Experiment.prepare(data, recipe, select("numpy")).train()
    chosen = data.labels[experiment.train_index]
    share = np.bincount(chosen) / len(chosen)
    assert balanced.history["accuracy"] == plain.history["accuracy"]
    assert balanced.history["loss"][0] != plain.history["loss"][0]
    source, start = experiment.source, Experiment.prepare(data, recipe, select("numpy")).state
    events = source.events(np.arange(len(source)))
    v = start.network.forward(events).peak.v_max / recipe.temperature
    cost = -(v - np.log(np.exp(v).sum(axis=1, keepdims=True)))[np.arange(len(chosen)), chosen]
    expected = np.mean([cost[chosen == label].mean() for label in (0, 1)])
    assert share[0] > 0.7
    assert balanced.history["loss"][0] == pytest.approx(expected, rel=1e-5)


def test_silence_is_told_once() -> None:
    data = small_dataset()
    experiment = Experiment.prepare(data, RULE, select("numpy"))
    network = experiment.state.network
    experiment.state.network = network.with_weights([-network.weights[0]])  # nothing but inhibition
    with pytest.warns(
        SilenceWarning, match="3 of 3 neurons answered to no pattern of epoch 1"
    ) as w:
        training = experiment.train()
    assert len(w) == 1
    assert training.history["accuracy"][0] == training.history["accuracy"][-1]


def test_patterns_without_a_spike_are_named_as_the_cause() -> None:
    """Once, in training and when read, and the learning rate is not blamed."""
    experiment = Experiment.prepare(small_dataset(), RULE, select("numpy"))
    source = experiment.source
    silent = InMemory(
        Events.from_latencies(np.full((len(source), source.n_afferents), np.inf), source.duration),
        source.labels,
        select("numpy"),
    )
    message = f"none of the {len(source)} patterns has a spike"
    state = begin(select("numpy"), silent, RULE, np.random.default_rng(0))
    with pytest.warns(SilenceWarning, match=message) as caught:
        train(select("numpy"), silent, state, RULE)
    assert len(caught) == 1
    with pytest.warns(SilenceWarning, match=message):
        classify(select("numpy"), silent, state.network, RULE)


def test_recovery_brings_them_back() -> None:
    recipe = replace(RULE, recovery="eligibility", epochs=30)
    experiment = Experiment.prepare(small_dataset(), recipe, select("numpy"))
    network = experiment.state.network
    experiment.state.network = network.with_weights([-network.weights[0]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilenceWarning)
        training = experiment.train()
    assert training.history["accuracy"][-1] > 0.9


# -- the figure -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "wanted"), [(RULE, "should fire"), (QUICK, "should be largest")]
)
def test_the_figure_says_what_the_loss_asks_of_a_potential(recipe: Recipe, wanted: str) -> None:
    pytest.importorskip("matplotlib")
    data = small_dataset()
    names = tuple(f"row {number}" for number in range(data.dataset.n_classes))
    named = FeaturePatterns(replace(data.dataset, classes=names))
    experiment = Experiment.prepare(named, recipe, select("numpy"))
    figure = training_figure(**example(experiment), history=experiment.state.history)
    traces = next(axes for axes in figure.axes if axes.get_ylabel() == "V")
    target = names[data.labels[experiment.held_out_index[0]]]
    said = traces.get_legend().get_texts()[0].get_text()
    assert said == f"neuron {target} ({wanted})"
    assert f"effect on neuron {target}" in figure.axes[0].get_title("left")
    assert ("threshold" in [t.get_text() for t in traces.texts]) == (wanted == "should fire")


# -- validation -------------------------------------------------------------------------------


def test_the_best_epoch_on_the_validation_patterns_is_kept(tmp_path: Path) -> None:
    experiment, training, progress = run(replace(QUICK, validation=0.3, epochs=8, shift=1))
    accuracies = training.history["validation_accuracy"]
    assert training.best_epoch == int(np.argmax(accuracies)) + 1
    parts = (experiment.train_index, experiment.validation_index, experiment.held_out_index)
    assert sorted(np.concatenate(parts)) == list(range(60))
    experiment.save(tmp_path / "model.npz", {"correct": 0})
    network = load(tmp_path / "model.npz")
    assert_same(network, training.best)
    source = experiment.data.source(parts[1], experiment.recipe, experiment.backend, "float32")
    found = classify(experiment.backend, source, network, experiment.recipe)
    assert np.mean(found == source.labels) == max(accuracies)
    assert progress.epochs[0].validation_accuracy == accuracies[0]


def test_patience_stops_a_run() -> None:
    _, training, _ = run(replace(QUICK, validation=0.3, patience=2, epochs=50))
    assert training.epoch == training.best_epoch + 2 < 50
    with pytest.raises(ValueError, match="patience needs validation patterns, got patience=2"):
        replace(QUICK, patience=2)


# -- resuming ---------------------------------------------------------------------------------

RESUMED = {
    "rule": RULE,
    "default": replace(QUICK, validation=0.2, jitter=0.5),
    "deep": replace(DEEP, validation=0.2),
}


def interrupted_run(recipe: Recipe, folder: Path, after: int) -> None:
    experiment = Experiment.prepare(small_dataset(), recipe, select("numpy"))
    keep = KeepState(experiment, folder / "last.npz", folder / "best.npz")
    experiment.train([keep, CsvLog(folder / "log.csv"), Recorder(interrupt_after=after)])


@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.parametrize("after", [7, 20, 24])
def test_a_resumed_run_equals_an_uninterrupted_one(name: str, after: int, tmp_path: Path) -> None:
    """To the last bit: weights, optimisers, random numbers, history and the best weights."""
    recipe = RESUMED[name]
    _, complete, _ = run(recipe)
    interrupted_run(recipe, tmp_path, after)
    resumed = Experiment.resume(tmp_path / "last.npz", small_dataset(), select("numpy"))
    assert 0 < resumed.state.epoch < recipe.epochs
    log = CsvLog(tmp_path / "log.csv", epochs_done=resumed.state.epoch)
    training = resumed.train([log])
    assert_same(training.network, complete.network)
    assert_same(training.result, complete.result)
    assert training.history == complete.history
    assert training.best_epoch == complete.best_epoch
    for one, other in zip(training.optimisers, complete.optimisers, strict=True):
        one_state, other_state = one.state(), other.state()
        assert one_state.keys() == other_state.keys()
        for key, value in one_state.items():
            np.testing.assert_array_equal(value, other_state[key])
    with open(tmp_path / "log.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == list(range(1, recipe.epochs + 1))
    assert [float(row["loss"]) for row in rows] == complete.history["loss"]


@pytest.mark.on_jax
def test_runs_move_between_backends(backend: Backend, tmp_path: Path) -> None:
    interrupted_run(QUICK, tmp_path, 14)
    resumed = Experiment.resume(tmp_path / "last.npz", small_dataset(), backend)
    training = resumed.train()
    _, complete, _ = run()
    for one, other in zip(training.network.weights, complete.network.weights, strict=True):
        np.testing.assert_allclose(backend.to_numpy(one), other, atol=1e-3 * np.abs(other).max())


def test_states_that_cannot_be_resumed(tmp_path: Path) -> None:
    backend = select("numpy")
    experiment, *_ = run()
    experiment.save(tmp_path / "model.npz", {"correct": 0})
    with pytest.raises(ValueError, match=r"checkpoint must hold the state.*'state'"):
        Experiment.resume(tmp_path / "model.npz", small_dataset(), backend)
    interrupted_run(QUICK, tmp_path, 14)
    with pytest.raises(ValueError, match=r"data must be those of the run in .*, bright rows"):
        Experiment.resume(tmp_path / "last.npz", small_dataset(48), backend)
    with pytest.raises(FileNotFoundError, match="path must name a checkpoint"):
        Experiment.resume(tmp_path / "none.npz", small_dataset(), backend)


KILLED = """
import sys
sys.path[:0] = {folders!r}
from dataclasses import replace
from pathlib import Path
from test_training import DEEP, Experiment, KeepState, CsvLog, select, small_dataset
folder = Path(sys.argv[1])
recipe = replace(DEEP, epochs=1000, validation=0.2)
data, backend = small_dataset(), select("numpy")
last = folder / "last.npz"
if last.exists():
    experiment = Experiment.resume(last, data, backend)
else:
    experiment = Experiment.prepare(data, recipe, backend)
print("ready", flush=True)
keep = KeepState(experiment, last, folder / "best.npz")
experiment.train([keep, CsvLog(folder / "log.csv", epochs_done=experiment.state.epoch)])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_kills_at_random_instants_cost_an_epoch_at_most(tmp_path: Path) -> None:
    """Twenty-five kills of one run, which is resumed after each; nothing is ever unreadable."""
    rng = np.random.default_rng(0)
    code = KILLED.format(folders=[str(Path(__file__).parent), *sys.path])
    data, backend = small_dataset(), select("numpy")
    reached = 0
    for _ in range(25):
        with subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(float(rng.uniform(0.0, 0.4)))
            process.send_signal(signal.SIGKILL)
        if not (tmp_path / "last.npz").exists():
            continue  # killed before the first epoch was over
        state = Experiment.resume(tmp_path / "last.npz", data, backend).state
        assert state.epoch >= reached
        reached = state.epoch
        TrainedModel.read(tmp_path / "best.npz", backend)
        lines = (tmp_path / "log.csv").read_text().count("\n") - 1
        assert state.epoch - 1 <= lines <= state.epoch + 1
    assert reached > 10
    _, complete, _ = run(replace(DEEP, epochs=1000, validation=0.2), interrupt_after=reached * 5)
    assert complete.history["loss"][: reached - 1] == state.history["loss"][: reached - 1]


# -- settings, sources and checkpoints --------------------------------------------------------


def test_divergence_is_an_error() -> None:
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="training diverged in epoch"):
        run(replace(RULE, learning_rate=1e38, warm_up=0.0, loss="mse", epochs=20))


def test_classes_are_those_of_the_largest_potential(backend: Backend) -> None:
    rng = np.random.default_rng(2)
    latencies, weight = rng.uniform(0.0, 30.0, (23, 6)), rng.normal(size=(4, 6))
    events = Events.from_latencies(backend.from_numpy(latencies, "float32"), 30.0)
    network = Network([backend.from_numpy(weight, "float32")], Neuron())
    source = InMemory(events, np.zeros(23, dtype=np.int64), backend)
    v_max = peak(Events.from_latencies(latencies, 30.0), weight, Neuron()).v_max
    for batch_size in (1, 10, 256):
        found = classify(backend, source, network, RULE, batch_size=batch_size)
        np.testing.assert_array_equal(found, v_max.argmax(axis=1))
        assert found.dtype == np.int64


def test_a_trained_model_knows_its_held_out_part(tmp_path: Path) -> None:
    experiment, _, _ = run()
    hits = experiment.held_out_hits()
    experiment.save(tmp_path / "model.npz", {"correct": hits})
    model, data = TrainedModel.read(tmp_path / "model.npz", select("numpy")), experiment.data
    parts = model.parts(data)
    assert parts is not None
    for found, expected in zip(
        parts,
        (experiment.train_index, experiment.validation_index, experiment.held_out_index),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    found = model.classify(small_dataset().dataset.features[parts[2]])
    assert int((found == data.labels[parts[2]]).sum()) == hits
    np.testing.assert_array_equal(model.potentials(data, parts[2]).argmax(axis=1), found)
    assert model.parts(small_dataset(48)) is None
    model.held_out["checksum"] += 1
    with pytest.raises(ValueError, match="checkpoint must come from a NumPy that splits data"):
        model.parts(data)


@pytest.mark.parametrize("recipe", [QUICK, DEEP], ids=["default", "deep"])
def test_checkpoints_move_between_backends(
    recipe: Recipe, backend: Backend, tmp_path: Path
) -> None:
    experiment, *_ = run(recipe)
    experiment.save(tmp_path / "model.npz", {"correct": 0})
    model = TrainedModel.read(tmp_path / "model.npz", backend)
    features = small_dataset().dataset.features
    here = TrainedModel.read(tmp_path / "model.npz", select("numpy"))
    np.testing.assert_array_equal(model.classify(features), here.classify(features))


def test_event_files_train_as_features_do(tmp_path: Path) -> None:
    """The same spikes from disk: the same run, to the last bit."""
    data = small_dataset()
    encode_dataset(data.dataset, QUICK, str(tmp_path / "rows.events"))
    patterns = EventPatterns(EventFile.open(tmp_path / "rows.events"))
    recipe = replace(QUICK, **patterns.coded_by())
    assert recipe == QUICK
    experiment = Experiment.prepare(patterns, recipe, select("numpy"))
    training = experiment.train()
    _, expected, _ = run()
    assert_same(training.network, expected.network)
    experiment.save(tmp_path / "model.npz", {"correct": experiment.held_out_hits()})
    model = TrainedModel.read(tmp_path / "model.npz", select("numpy"))
    index = model.parts(patterns)[2]
    found = model.potentials(patterns, index).argmax(axis=1)
    np.testing.assert_array_equal(found, model.classify(data.dataset.features[index]))
    with pytest.raises(ValueError, match=r"duration must be that of .*, 30, got 20"):
        Experiment.prepare(patterns, replace(recipe, duration=20.0), select("numpy"))


def test_recipes_that_come_with_the_package() -> None:
    assert named_recipes() == ["mnist", "mnist-10", "mnist-deep"]
    for name in named_recipes():
        assert Recipe(**read_recipe(name)).hold_out == 5000


def test_recipe_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("epochs = 3\nhidden = [4, 5]\n")
    assert Recipe(**read_recipe(str(path))) == Recipe(epochs=3, hidden=(4, 5))
    with pytest.raises(FileNotFoundError, match=r"recipe must be one of mnist, .* 'none'"):
        read_recipe("none")
    for text, message in (
        ("epochs = ", "Invalid"),
        ("colour = 1", "colour"),
        ("epochs = -1", "-1"),
    ):
        path.write_text(text)
        with pytest.raises(ValueError, match=f"recipe must hold settings in TOML.*{message}"):
            read_recipe(str(path))


def test_the_log_drops_what_a_kill_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    CsvLog(path).on_epoch(Epoch(1, 0.5, 0.25, None, 0, 1.0), None)  # type: ignore[arg-type]
    with open(path, "a", encoding="utf-8") as file:
        file.write("2,0.4")
    CsvLog(path, epochs_done=2).on_epoch(Epoch(2, 0.4, 0.5, 0.75, 1, 2.0), None)  # type: ignore[arg-type]
    assert path.read_text().splitlines() == [
        "number,loss,accuracy,validation_accuracy,silent,seconds",
        "1,0.5,0.25,,0,1.000",
        "2,0.4,0.5,0.75,1,2.000",
    ]


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
        ({"duration": 0.0}, "duration must be greater than 0.* got 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be greater than 0.* got nan"),
        ({"hold_out": 1.0}, r"hold_out must be a part between 0 and 1 .* got 1\.0"),
        ({"validation": -2}, "validation must be a part between 0 and 1 .* got -2"),
        ({"window": 0.0}, "window must be greater than 0.* got 0"),
        ({"hidden": (3, 0)}, "hidden must be an integer, 1 or more, got 0"),
        ({"hidden": 3}, "hidden must hold the neurons of each layer, got 3"),
        ({"optimiser": "sgd"}, "optimiser must be one of .* got 'sgd'"),
        ({"deletion": 1.0}, "deletion must be at least 0.* below 1"),
        ({"momentum": 1.0}, r"momentum must be at least 0\.0 and below 1\.0, got"),
        ({"warm_up": -0.1}, r"warm_up must be at least 0\.0 and below 1\.0, got"),
        ({"margin": -1.0}, "margin must be at least 0.* got"),
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
    source = InMemory(Events.from_trains(trains, 30.0), labels, backend)
    recipe = replace(QUICK, epochs=20)
    state = train(backend, source, begin(backend, source, recipe, rng), recipe)
    assert state.history["accuracy"][-1] == 1.0
