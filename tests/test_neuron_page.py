"""The neuron to play with, docs/neuron.md, computes what the library does."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tempotron_core import Events, Neuron, peak, voltage

DOCS = Path(__file__).parents[1] / "docs"
SCRIPT = DOCS / "_static" / "neuron.js"
DURATION = 100.0


def program(name: str, *more: str) -> str:
    found = next(filter(None, map(shutil.which, (name, *more))), None)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return done.stdout


def test_potential_and_peak_are_those_of_the_library() -> None:
    node = program("node")
    rng = np.random.default_rng(0)
    t = np.linspace(0.0, DURATION, 101)
    cases = [
        {
            "spikes": np.round(rng.uniform(0.0, DURATION, 5), 1).tolist(),
            "weights": rng.normal(0.2, 0.8, 5).tolist(),
            "tau": float(rng.uniform(8.0, 40.0)),
            "tauS": float(rng.uniform(1.0, 7.0)),
        }
        for _ in range(200)
    ]
    cases[0]["spikes"] = [20.0, 20.0, 20.0, 0.0, DURATION]  # ties, and both ends
    cases[1]["weights"] = [-1.0] * 5  # never above rest
    code = f"""
        const {{ constants, potential, peak }} = require({json.dumps(str(SCRIPT))});
        console.log(JSON.stringify({json.dumps(cases)}.map((k) => {{
            const c = constants(k.tau, k.tauS);
            return {{ v: potential(k.spikes, k.weights, c, {t.tolist()}),
                     peak: peak(k.spikes, k.weights, c, {DURATION}) }};
        }})))"""
    kinks = 0
    for case, found in zip(cases, json.loads(run(node, "-e", code)), strict=True):
        events = Events.from_latencies(np.asarray([case["spikes"]]), DURATION)
        weight, neuron = np.asarray([case["weights"]]), Neuron(case["tau"], case["tauS"])
        v_max, t_max = peak(events, weight, neuron)
        np.testing.assert_allclose(
            found["v"], voltage(events, weight, neuron, t)[0, 0], atol=1e-12, rtol=0.0
        )
        assert found["peak"]["v"] == pytest.approx(float(v_max[0, 0]), abs=1e-12)
        if v_max[0, 0] > 0.01:
            assert found["peak"]["t"] == pytest.approx(float(t_max[0, 0]), abs=1e-7)
        kinks += float(t_max[0, 0]) in case["spikes"]
    assert 5 < kinks < 100  # both kinds of maximum were seen


def page(actions: str) -> str:
    """The page's own block, without the site around it, after some actions of a user."""
    (block,) = re.findall(
        r"^```{raw} html\n(.*?)^```$",
        (DOCS / "neuron.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    block = re.sub(r"<script .*</script>", "", block)
    script = SCRIPT.read_text(encoding="utf-8")
    return f"<!doctype html><body>{block}<script>{script}</script><script>{actions}</script>"


def shown(text: str) -> tuple[dict[str, Any], str]:
    """The peak and the sentence of a page as Chromium leaves it."""
    (data,) = re.findall(r'data-peak="([^"]*)"', text)
    (said,) = re.findall(r"<output>(.*?)</output>", text)
    return json.loads(html.unescape(data)), said


def expected(spikes: list[float], weights: list[float]) -> float:
    events = Events.from_latencies(np.asarray([spikes]), DURATION)
    return float(peak(events, np.asarray([weights]), Neuron(15.0, 4.0)).v_max[0, 0])


def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """As it opens, and with a spike moved by a key and a weight dragged to its end."""
    chromium = program("chromium", "chromium-browser", "google-chrome")
    actions = """
        const find = (what, i) => document.querySelector(`[data-what=${what}][data-i="${i}"]`);
        for (let k = 0; k < 5; k++) {
            find("spikes", 1).dispatchEvent(
                new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
        }
        const svg = document.querySelector("svg");
        svg.setPointerCapture = () => {};  // of a pointer that is none
        for (const [kind, x] of [["pointerdown", 0], ["pointermove", -500], ["pointerup", 0]]) {
            (kind === "pointerdown" ? find("weights", 2) : svg).dispatchEvent(
                new PointerEvent(kind, { bubbles: true, clientX: x, pointerId: 1 }));
        }"""
    spikes, weights = [12.0, 22.0, 30.0, 52.0, 64.0], [0.8, 0.7, -0.9, 0.6, 0.8]
    moved = [12.0, 17.0, 30.0, 52.0, 64.0], [0.8, 0.7, -2.0, 0.6, 0.8]
    for name, script, given in (("opened", "", (spikes, weights)), ("moved", actions, moved)):
        path = tmp_path / f"{name}.html"
        path.write_text(page(script), encoding="utf-8")
        text = run(
            chromium,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            path.as_uri(),
        )
        best, said = shown(text)
        assert best["v"] == pytest.approx(expected(*given), abs=1e-12), name
        assert said.startswith(f"Largest potential {best['v']:.3f} at {best['t']:.1f} ms"), said
        assert said.endswith("the neuron fires." if best["v"] > 1.0 else "it does not fire.")
        assert len(re.findall(r'aria-valuenow="[-\d.]+"', text)) == 10


def test_the_page_loads_nothing_else() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert not re.search(r"https?:|import |fetch|XMLHttp", text)
    assert len(text.splitlines()) < 200
