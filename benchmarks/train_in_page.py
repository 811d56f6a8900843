"""How fast a VAE learns in the page: this book's engine beside tf.js, in one page, on the same network and digits.

    python benchmarks/train_in_page.py

784-128-2-128-784, Bernoulli, batches of 100, Adam: milliseconds a step of the engine (compiled, and in JavaScript), of
tf.js on its wasm backend (one thread, vectors) and on its cpu backend, taking turns in one page; then of `aecore.fit`
on one thread. tf.js comes from npm's registry into a folder that is thrown away. Nothing else should run meanwhile.
"""

import base64
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import torch
from playwright.sync_api import sync_playwright

import aecore as ae

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "publish"))
from aebook.bundle import TRAIN, esbuild, kernels  # noqa: E402
from project import chromium  # noqa: E402

TFJS = "4.22.0"
TURNS, STEPS, BATCH = 5, {"engine": 40, "javascript": 10, "wasm": 20, "cpu": 2}, 100

PAGE = """
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths, setThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { engine } from "%(engine)s";

const [BATCH, shape] = [100, { kind: "vae", encoder: [784, 128, 4], decoder: [2, 128, 784], activation: "relu" }];
const vae = { rate: 1e-3, likelihood: "bernoulli", sigma: 1, beta: 1, bug: "none" };
const settings = { ...vae, sparsity: "none", weight: 0, rho: 0 };

window.prepare = async (digits, weights, code) => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const x = Float32Array.from(bytes(digits), (v) => v / 255);
  const given = weights.map(([ins, outs, text, bias]) => ({ ins, outs,
    weight: new Float32Array(bytes(text).buffer), bias: new Float32Array(bytes(bias).buffer) }));
  const noise = Float32Array.from({ length: 2 * BATCH }, (_, i) => Math.sin(i));
  const count = x.length / 784 / BATCH;
  const part = (i) => x.subarray((i %% count) * BATCH * 784, ((i %% count) + 1) * BATCH * 784);
  const own = (compiled) => {
    const net = engine(shape, BATCH, compiled ? bytes(code) : null);
    net.put(given);
    return (steps) => {
      let loss;
      for (let i = 0; i < steps; i++) loss = net.step(part(i), BATCH, noise, settings).loss;
      return loss;
    };
  };
  setWasmPaths("./");
  setThreadsCount(1);
  const theirs = async (backend) => {
    await tf.setBackend(backend);
    await tf.ready();
    const layers = given.map(({ ins, outs, weight, bias }) => [
      tf.variable(tf.tidy(() => tf.transpose(tf.tensor2d(weight, [outs, ins])))), tf.variable(tf.tensor1d(bias))]);
    const dense = (h, [w, b]) => tf.add(tf.matMul(h, w), b);
    const adam = tf.train.adam(1e-3, 0.9, 0.999, 1e-8);
    const eps = tf.tensor2d(noise, [BATCH, 2]);
    const loss = (input) => {
      const parameters = dense(tf.relu(dense(input, layers[0])), layers[1]);
      const [mean, logvar] = tf.split(parameters, 2, 1);
      const z = tf.add(mean, tf.mul(tf.exp(tf.mul(logvar, 0.5)), eps));
      const logits = dense(tf.relu(dense(z, layers[2])), layers[3]);
      const error = tf.sub(tf.add(tf.relu(logits), tf.log1p(tf.exp(tf.neg(tf.abs(logits))))), tf.mul(input, logits));
      const kl = tf.mul(tf.sub(tf.add(tf.square(mean), tf.exp(logvar)), tf.add(logvar, 1)), 0.5);
      return tf.div(tf.add(tf.sum(error), tf.sum(kl)), BATCH);
    };
    return async (steps) => {
      await tf.setBackend(backend);
      let value = 0;
      for (let i = 0; i < steps; i++) {
        const cost = tf.tidy(() => adam.minimize(() => loss(tf.tensor2d(part(i), [BATCH, 784])), true, layers.flat()));
        [value] = await cost.data();
        cost.dispose();
      }
      return value;
    };
  };
  window.run = { engine: own(true), javascript: own(false), wasm: await theirs("wasm"), cpu: await theirs("cpu") };
};
window.timed = async (name, steps) => {
  const begin = performance.now();
  const loss = await window.run[name](steps);
  return [(performance.now() - begin) / steps, loss];
};
"""


def model() -> ae.VAE:
    torch.manual_seed(0)
    return ae.VAE(ae.mlp([784, 128, 4]), ae.mlp([2, 128, 784]))


def text(tensor: torch.Tensor) -> str:
    return base64.b64encode(tensor.detach().numpy().tobytes()).decode()


def in_page(images: torch.Tensor) -> dict[str, list[float]]:
    """Milliseconds a step, turn by turn."""
    linear = [part for part in model().modules() if isinstance(part, torch.nn.Linear)]
    weights = [[p.in_features, p.out_features, text(p.weight), text(p.bias)] for p in linear]
    with tempfile.TemporaryDirectory(dir=ROOT / "_build") as name:
        folder = Path(name)
        (folder / "package.json").write_text("{}")
        packages = [f"@tensorflow/tfjs-{part}@{TFJS}" for part in ("core", "backend-cpu", "backend-wasm")]
        subprocess.run([ROOT / ".venv/bin/npm", "install", "--silent", *packages], cwd=folder, check=True)
        for wasm in (folder / "node_modules/@tensorflow/tfjs-backend-wasm/dist").glob("*.wasm"):
            (folder / wasm.name).write_bytes(wasm.read_bytes())
        source = PAGE % {"engine": (TRAIN / "engine.js").as_posix()}
        (folder / "page.js").write_text(esbuild("--format=iife", source=source, folder=folder), "utf-8")
        (folder / "index.html").write_text('<!doctype html><script src="page.js"></script>')
        handler = partial(SimpleHTTPRequestHandler, directory=folder)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
            Thread(target=server.serve_forever, daemon=True).start()
            page = playwright.chromium.launch(executable_path=chromium()).new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            code = base64.b64encode(kernels()).decode()
            page.evaluate("([d, w, c]) => prepare(d, w, c)", [text((images * 255).byte()), weights, code])
            found: dict[str, list[float]] = {name: [] for name in STEPS}
            first = {name: page.evaluate("(name) => timed(name, 1)", name)[1] for name in STEPS}
            assert max(first.values()) - min(first.values()) < 1e-3 * first["cpu"], f"not the same model: {first}"
            for name, steps in STEPS.items():
                page.evaluate("([name, steps]) => timed(name, steps)", [name, steps])  # compiled by now
            for _ in range(TURNS):
                for name, steps in STEPS.items():
                    found[name].append(page.evaluate("([name, steps]) => timed(name, steps)", [name, steps])[0])
            server.shutdown()
    return found


def by_aecore(images: torch.Tensor) -> list[float]:
    """Milliseconds a step of `fit` on one thread."""
    torch.set_num_threads(1)
    vae, times = model(), []
    for _ in range(TURNS + 1):
        begin = time.perf_counter()
        ae.fit(vae, images, epochs=1, batch_size=BATCH, device="cpu", progress=False)
        times.append(1000 * (time.perf_counter() - begin) / (len(images) // BATCH))
    return times[1:]


if __name__ == "__main__":
    digits = ae.mnist("train")[0][:5000].flatten(1)
    times = {**in_page(digits), "aecore": by_aecore(digits)}
    names = {
        "engine": "engine, compiled",
        "javascript": "engine, JavaScript",
        "wasm": "tf.js, wasm",
        "cpu": "tf.js, cpu",
    }
    ours = statistics.median(times["engine"])
    for name, values in times.items():
        middle = statistics.median(values)
        spread = f"{min(values):.1f} to {max(values):.1f}"
        name = names.get(name, "aecore, one thread")
        print(f"{name:20} {middle:7.1f} ms a step ({spread}), {middle / ours:5.2f} of ours")
