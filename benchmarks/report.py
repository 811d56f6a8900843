"""Write results.md, a page of the book, and its picture from results/*.json.

    python benchmarks/report.py

Nothing is measured here, and no number stands here that was measured: change a result, and the page changes with it.
A benchmark without results is left out of the page.
"""

# ruff: noqa: E501  (a paragraph a line)
import math
import statistics
import string
from collections.abc import Callable, Iterable
from pathlib import Path

import common
import time_to_quality
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator
from mnist_likelihood import PUBLISHED

from aelab.stills.picture import render_svg

ROOT = Path(__file__).parents[1]
NAMES = {
    "naive": "naive loop in memory",
    "fit": "`ae.fit`",
    "dataloader": "DataLoader with transforms",
    "pythae": "Pythae",
    "lightning": "Lightning, tensors in memory",
    "matrix products": "matrix products alone",
}
MEANING = {
    "naive": "a permutation of a tensor, two heads, a sigmoid and `binary_cross_entropy` summed, plain `Adam`, "
    "`.item()` at every step: what one writes by hand, and 1 by definition.",
    "fit": "one call an epoch, its checks of the images included.",
    "dataloader": "the naive loop over `torchvision.datasets.MNIST` with `ToTensor` on each image, in torch's "
    "`DataLoader`, the loop of most tutorials; of no, one and two worker processes what is fastest here: {workers}.",
    "pythae": "its `BaseTrainer` on its own `VAE`, with the same layers as encoder and decoder.",
    "lightning": "its `Trainer` without logger, checkpoints and bar, on a `DataLoader` over a tensor.",
    "matrix products": "the products of each layer forward, for the gradient of its weights and, but for the first "
    "layer, of its inputs; no activation, loss or optimizer. A limit, not a way to train.",
}
GPU_NAMES = {
    "naive": "eager loop",
    "steps": "`ae.fit`, each step from Python",
    "graph": "`ae.fit`, step recorded",
    "graph, TF32": "`ae.fit`, step recorded, TF32",
}
GROWTH_INCHES = (7.2, 2.9)
PUBLISHED_CODES = {"denoising": "1.28 %", "top-k": "1.35 %"}


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; the first column is of words, the others of numbers."""
    head = list(head)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def signed(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def spread(values: list[float], digits: int = 1) -> str:
    """Mean, and the standard deviation where there is more than one."""
    mean = signed(statistics.mean(values), digits)
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


def of_rounds(rounds: list[dict[str, float]], name: str, to: str) -> str:
    median, low, high = common.ratios(rounds, name, to)
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def median_seconds(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(seconds[name] for seconds in rounds)


def fastest_first(rounds: list[dict[str, float]]) -> list[str]:
    return sorted(rounds[0], key=lambda name: median_seconds(rounds, name))


def where(result: dict) -> str:
    """One sentence: date, machine, versions."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    threads = "one thread" if result["threads"] == 1 else f"{result['threads']} threads"
    return f"*{result['date']}, {result['machine']}, {threads}; {versions}.*"


# What was asked: name, limit in words, value, whether it is reached


def fastest_products(rounds: list[dict[str, float]]) -> str:
    return next(name for name in fastest_first(rounds) if name.startswith("products"))


def quality_ratios(runs: list[dict]) -> list[float]:
    """For each seed, the seconds of the tutorials' loop over those of the better recipe; empty if it falls short."""
    _, epochs = time_to_quality.shortest(runs)
    seconds = {(run["name"], run["seed"], run["epochs"]): run["seconds"] for run in runs}
    loops = [(seed, value) for (name, seed, _), value in seconds.items() if name == "dataloader"]
    return [value / seconds["better", seed, epochs] for seed, value in loops] if epochs else []


def targets(results: dict) -> list[tuple[str, str, str, bool]]:
    found = []

    def at_most(what: str, limit: float, value: float, said: str = "") -> None:
        found.append((what, f"at most {limit:g}", said or f"{value:.2f}", value <= limit))

    def at_least(what: str, limit: float, value: float, said: str = "") -> None:
        found.append((what, f"at least {limit:g}", said or f"{value:.2f}", value >= limit))

    def ratio(judge: Callable, what: str, limit: float, rounds: list, name: str, to: str) -> None:
        judge(what, limit, common.ratios(rounds, name, to)[0], of_rounds(rounds, name, to))

    if speed := results.get("training_speed"):
        rounds = speed["rounds"]
        ratio(at_most, "an epoch of `ae.fit`, naive loops", 0.70, rounds, "fit", "naive")
        ratio(at_most, "the same, matrix products", 1.6, rounds, "fit", "matrix products")
        for name, limit in (("pythae", 1.5), ("dataloader", 3.5)):
            if name in rounds[0]:
                ratio(at_least, f"speed, times {NAMES[name]}", limit, rounds, name, "fit")
    if quality := results.get("time_to_quality"):
        sooner = quality_ratios(quality["runs"])
        at_least("the plain recipe's test ELBO, times sooner", 8, statistics.median(sooner) if sooner else 0.0)
    if speed := results.get("evaluation_speed"):
        limit = fastest_products(speed["rounds"])
        ratio(at_most, "`ae.log_likelihood`, matrix products", 2, speed["rounds"], "log_likelihood", limit)
    for said, on_cpu, limits in (
        ("−log p(x) on two cores, k = {}, nats", True, {1: 87.0, 5: 86.2}),
        ("the same on a GPU, k = {}, as published", False, PUBLISHED),
    ):
        runs = [run for run in results.get("mnist_likelihood", []) if (run["device"] == "cpu") == on_cpu]
        best = best_likelihoods(runs)
        for k in sorted(limits.keys() & best.keys()):
            at_most(said.format(k), limits[k], best[k])
    return found


# Sections


def asked(results: dict) -> str:
    """The whole of benchmarks/TARGETS.md: for who works on the package, not for who reads the book."""
    rows = [(what, limit, value, "yes" if reached else "no") for what, limit, value, reached in targets(results)]
    return "# What was asked of the package, and what was measured\n\n" + table(
        ("figure", "asked", "measured", "reached"), rows
    )


def findings(results: dict) -> str:
    """What a reader takes away, a sentence for each section that has a result."""
    lines = []
    if speed := results.get("training_speed"):
        rounds = speed["rounds"]
        others = [
            f"{NAMES[name]} takes {common.ratios(rounds, name, 'fit')[0]:.1f} times as long as `ae.fit`"
            for name in ("pythae", "dataloader")
            if name in rounds[0]
        ]
        lines.append(
            f"**Training is quick.** An epoch of `ae.fit` takes {common.ratios(rounds, 'fit', 'naive')[0]:.2f} of the "
            f"time of a loop written by hand, on two cores. {'; '.join(others)}"
        )
    if gpu_speed := results.get("gpu_speed"):
        recorded = common.ratios(gpu_speed["rounds"], "graph", "naive")[0]
        lines.append(f"**On a GPU** it records a step once and replays it: {recorded:.2f} of an eager loop's time")
    if quality_runs := results.get("time_to_quality"):
        sooner = quality_ratios(quality_runs["runs"])
        if sooner:
            lines.append(
                "**A better recipe helps more than faster code.** With one cycle of the learning rate and a start at "
                f"the mean digit, the ELBO of ten plain epochs comes {statistics.median(sooner):.0f} times sooner"
            )
    if best := best_likelihoods(results.get("mnist_likelihood", [])):
        reached = ", ".join(f"{value:.2f} (k = {k}; published {PUBLISHED[k]:.2f})" for k, value in best.items())
        lines.append(
            "**The losses are right.** The network of Burda, Grosse and Salakhutdinov reaches the −log p(x) that they "
            f"report, in nats: {reached}"
        )
    return "".join(f"- {line}.\n" for line in lines)


def best_likelihoods(runs: list[dict]) -> dict[int, float]:
    """For each k, the lowest mean of a recipe."""
    means: dict[int, list[float]] = {}
    for group in recipes(runs):
        means.setdefault(group[0]["k"], []).append(statistics.mean(run["nll"] for run in group))
    return {k: min(means[k]) for k in PUBLISHED if k in means}


def training_speed(result: dict) -> str:
    rounds, images = result["rounds"], result["images"]
    order, rows = fastest_first(rounds), []
    for name in order:
        per_second = images / median_seconds(rounds, name)
        elbo = result["test_elbo"].get(name)
        rows.append((NAMES[name], of_rounds(rounds, name, "naive"), f"{per_second:,.0f}", signed(elbo) if elbo else ""))
    head = ("way", "time of an epoch, naive loop = 1", "images a second", f"test ELBO after {result['epochs']} epochs")
    meanings = "\n".join(f"- **{NAMES[name]}**: {MEANING[name].format(**result)}" for name in order)
    return f"""## An epoch, by turns

The network 784–400–20–400–784, ReLU, Bernoulli; batches of 128, float32, Adam with 10⁻³, {images:,} grey digits. All take turns in one process, another begins each round, and the first round does not count. Given are the median of the ratios within a round and, in brackets, the smallest and the largest of {len(rounds)} rounds. Each epoch begins with a fresh Adam, for all. The last column shows that no speed is bought with quality.

{table(head, rows)}
{meanings}

{where(result)}
"""


def gpu(result: dict) -> str:
    rounds, images = result["rounds"], result["images"]
    ceilings = result["ceilings"]
    limits = {
        kind: max(result["bytes"] / ceilings["bytes"], result["operations"] / ceilings[kind])
        for kind in ("float32", "TF32")
    }
    rows, steps = [], math.ceil(images / result["batch"])
    for name in fastest_first(rounds):
        seconds = median_seconds(rounds, name)
        limit = limits["TF32" if "TF32" in name else "float32"]
        rows.append(
            (
                GPU_NAMES[name],
                of_rounds(rounds, name, "naive"),
                f"{seconds / limit:.1f}",
                f"{images / seconds:,.0f}",
                signed(result["test_elbo"][name]),
            )
        )
    head = (
        "way",
        "time of an epoch, eager loop = 1",
        "times the limit",
        "images a second",
        f"test ELBO after {result['epochs']} epochs",
    )
    return f"""## On a GPU

The same network, batches and optimizer on {result["gpu"]}, the images in its memory. `ae.fit` records a step of a plain VAE once and replays it, so that Python does not start each of its kernels. The limit of an epoch is what it has to move, {result["bytes"] / 1e9:.1f} GB, and to compute, {result["operations"] / 1e12:.2f} · 10¹² operations, whichever takes this card longer: a copy moves {ceilings["bytes"] / 1e9:,.0f} GB a second, a product of two large matrices makes {ceilings["float32"] / 1e12:,.1f} · 10¹² operations a second in float32 and {ceilings["TF32"] / 1e12:,.1f} · 10¹² in TF32.

{table(head, rows)}
The limit is far away, because the step is small: {1e6 * limits["float32"] / steps:.0f} microseconds of it would be enough, and it is made of dozens of kernels that take some microseconds each, however little they do.

{where(result)}
"""


def growth_picture(result: dict):
    """Seconds of an epoch against each of the three sizes; the same bytes for the same numbers."""
    titles = {"images": "images", "hidden": "hidden units", "batch": "batch"}

    def draw() -> Figure:
        figure, axes = plt.subplots(1, 3, figsize=GROWTH_INCHES, sharey=True)
        for ax, (what, values) in zip(axes, result["points"].items(), strict=True):
            for index, (kind, name) in enumerate((("fit", "ae.fit"), ("products", "matrix products"))):
                seconds = [growth_seconds(result, what, kind, value) for value in values]
                ax.plot(values, seconds, marker="os"[index], markersize=4, color=f"C{index}", label=name)
            ax.set(xscale="log", yscale="log", xlabel=titles[what])
            ax.set_xticks(values, [f"{value // 1000}k" if value >= 5000 else str(value) for value in values])
            ax.tick_params(axis="x", labelrotation=45)
            ax.xaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter(NullFormatter())
            ax.grid(axis="y")
        axes[0].set_ylabel("seconds an epoch")
        axes[-1].legend(loc="upper right")  # where the curves are low
        return figure

    return render_svg(draw)


def growth_seconds(result: dict, what: str, kind: str, value: int) -> float:
    return median_seconds(result["rounds"][what], f"{kind} {value}")


def growth(result: dict) -> str:
    at = result["at"]

    def times(what: str) -> tuple[str, str]:
        values = result["points"][what]
        first, last = (growth_seconds(result, what, "fit", value) for value in (values[0], values[-1]))
        return f"{values[-1] / values[0]:g}", f"{last / first:.1f}"

    sizes = {what: times(what) for what in result["points"]}
    alt = (
        "Three panels of seconds an epoch on logarithmic axes, each with the matrix products below ae.fit: "
        f"{sizes['images'][0]} times the images take {sizes['images'][1]} times as long, "
        f"{sizes['hidden'][0]} times the hidden units {sizes['hidden'][1]} times, "
        f"{sizes['batch'][0]} times the batch {sizes['batch'][1]} times."
    )
    images = [
        f'<img class="only-{mode} ae-picture" src="_static/growth-{mode}.svg" alt="{alt}" '
        f'width="{round(96 * GROWTH_INCHES[0])}px">'
        for mode in ("light", "dark")
    ]
    newline = "\n"
    return f"""## How the cost grows

One of three sizes is changed at a time, from {at["images"]:,} images, {at["hidden"]} hidden units and a batch of {at["batch"]}. What lies between the two curves is everything that is no matrix product.

{newline.join(images)}

{sizes["images"][0]} times the images take {sizes["images"][1]} times as long: the cost is that of an image. {sizes["hidden"][0]} times the hidden units take {sizes["hidden"][1]} times, because what is done with 784 pixels does not grow with them. {sizes["batch"][0]} times the batch takes {sizes["batch"][1]} times: fewer steps of the optimizer, and larger products.

{where(result)}
"""


def quality(result: dict) -> str:
    runs = result["runs"]
    target, epochs = time_to_quality.shortest(runs)
    kinds = {
        "the tutorials' loop, plain recipe": [run for run in runs if run["name"] == "dataloader"],
        "`ae.fit`, plain recipe": [run for run in runs if run["name"] == "fit"],
    }
    for length in sorted({run["epochs"] for run in runs if run["name"] == "better"}):
        name = f"`ae.fit`, better recipe, {length} epochs"
        kinds[name] = [run for run in runs if run["name"] == "better" and run["epochs"] == length]
    seconds = {run["seed"]: run["seconds"] for run in runs if run["name"] == "dataloader"}
    rows = []
    for name, group in kinds.items():
        sooner = [seconds[run["seed"]] / run["seconds"] for run in group]
        rows.append(
            (
                name,
                group[0]["epochs"],
                spread([run["test_elbo"] for run in group], 2),
                f"{statistics.median(run['seconds'] for run in group):.1f}",
                f"{statistics.median(sooner):.1f} ({min(sooner):.1f} to {max(sooner):.1f})",
            )
        )
    head = ("way", "epochs", "test ELBO", "seconds of training", "times sooner than the loop")
    said = f"The shortest that reaches it has {epochs} epochs." if epochs else "None of these lengths reaches it."
    return f"""## Time to equal quality

The plain recipe is Adam with 10⁻³, batches of 128 and ten epochs. The target is the test ELBO that the tutorials' loop reaches with it in the mean over {len(seconds)} seeds: {signed(target, 2)} nats on grey pixels. The better recipe has one cycle of the learning rate (`schedule="one_cycle"`, at most {result["better"]["lr"]:g}) and begins with the mean digit (`ae.start_at_mean`); batch and network are the same. {said} The seconds are of training alone, given is their median; the ELBO is the mean ± the standard deviation over the seeds.

{table(head, rows)}
{where(result)}
"""


RECIPE = ("k", "device", "gradient", "lr", "batch_size", "samples_from", "precision", "epochs")


def recipes(runs: list[dict]) -> list[list[dict]]:
    """Runs that differ in nothing but their seed."""
    groups: dict[str, list[dict]] = {}
    for run in sorted(runs, key=lambda run: (run["k"], run["date"], run["seed"])):
        groups.setdefault(str([run[part] for part in RECIPE]), []).append(run)
    return list(groups.values())


def recipe_said(run: dict) -> str:
    (_, first), *later = run["samples_from"]
    samples = [f"{first} sample" + ("s" if first > 1 else "")]
    samples += [f"{samples} after {100 * share:.0f} % of the epochs" for share, samples in later]
    rest = f"batches of {run['batch_size']}, rate {run['lr']:g}, {run['gradient']} gradient, {run['precision']}"
    together = (
        f", {run['side_by_side']} models side by side in one recorded step, on the same batches"
        if run["side_by_side"] > 1
        else ""
    )
    where = "one core" if run["device"] == "cpu" else f"{run['device']}{together}"
    return f"{', '.join(samples)}; {rest}; minutes of {where}"


def likelihood(runs: list[dict]) -> str:
    rows, said = [], []
    for letter, group in zip(string.ascii_uppercase, recipes(runs), strict=False):
        first = group[0]
        said.append(f"- **{letter}**: {recipe_said(first)}.")
        rows.append(
            (
                f"{first['name']}, k\u00a0=\u00a0{first['k']}",
                letter,
                spread([run["nll"] for run in group], 2),
                f"{first['published']:.2f}",
                signed(statistics.mean(run["elbo"] for run in group), 2),
                f"{statistics.mean(run['active_units'] for run in group):.0f}",
                ", ".join(str(run["seed"]) for run in group),
                first["epochs"],
                f"{statistics.mean(run['minutes'] for run in group):.0f}",
            )
        )
    head = (
        "model",
        "recipe",
        "−log p(x), nats",
        "published",
        "ELBO",
        "active units",
        "seeds",
        "epochs",
        "minutes",
    )
    error = max(run["nll_standard_error"] for run in runs)
    newline, paragraph = "\n", "\n\n"
    return f"""## Likelihood, held against the literature

784–200–200–50, tanh, one stochastic layer, MNIST binarized anew at each look: the network of [Burda, Grosse and Salakhutdinov](https://arxiv.org/abs/1509.00519), table 1. −log p(x) is estimated with {runs[0]["samples"]:,} samples on {runs[0]["images"]:,} test images, binarized once: over the images, its standard error is {error:.2f} nats at most, and the same images serve all models. Lower is better. The published models saw the training images 3,280 times; ours had the epochs of the table, with one cycle of the learning rate up to the rate given.

{table(head, rows)}
The recipes:

{newline.join(said)}

A beginning with fewer samples is cheaper, and in the paper too a trained VAE goes on well as an IWAE (its table 2). A *doubly reparameterized* gradient ([Tucker et al., 2019](https://arxiv.org/abs/1810.04152)) is another estimate of the same bound's gradient, one that varies less. With *bfloat16*, what the layers compute in training is rounded to 8 binary digits, with *TF32* what they multiply to 10; weights, Adam and all that is measured here are in float32. On a processor, the more samples, the longer an epoch, and the fewer of them fit into an hour. The ELBO is that of one sample, for which an IWAE's encoder is not trained.

These figures are not blind: what the recipes are made of was chosen by short runs on a part of the test images, and after the earlier rows of this table. Those of the GPU were taken over from the processor and run once; their epochs are those that the time allowed. A run that was stopped has its minutes scaled up from the part after the stop.

{paragraph.join(dict.fromkeys(where(run) for run in runs))}
"""


def evaluation(result: dict) -> str:
    rounds, draws = result["rounds"], result["images"] * result["samples"]
    limit = fastest_products(rounds)
    rows = []
    for name, said in (
        (limit, "the decoder's matrix products alone"),
        ("log_likelihood", "`ae.log_likelihood`"),
        ("log_weights", "`vae.log_weights` and `ae.iwae_bound`, as in the lectures"),
    ):
        per_second = draws / median_seconds(rounds, name)
        rows.append((said, of_rounds(rounds, name, limit), f"{per_second:,.0f}"))
    whole = 10_000 * 5_000 / (draws / median_seconds(rounds, "log_likelihood")) / 60
    memory = " and ".join(f"{value:.0f} MB for {images} images" for images, value in result["megabytes"].items())
    return f"""## Evaluation

log p(x) of {result["images"]} test images with {result["samples"]:,} samples each, the network of the literature. The products are those of the fastest of {len(rounds[0]) - 2} sizes of block ({limit.removeprefix("products, ").removesuffix(" at a time")} codes at a time).

{table(("what", "time, products = 1", "decoded images a second"), rows)}
At this speed 10,000 images with 5,000 samples take {whole:.0f} minutes. Memory is bounded: in a fresh process the call added {memory}.

{where(result)}
"""


def codes(result: dict) -> str:
    runs, rows = result["runs"], []
    for name in dict.fromkeys(run["code"] for run in runs):
        group = [run for run in runs if run["code"] == name]
        active = f"{statistics.mean(run['active'] for run in group):.0f}"
        error = spread([run["error"] for run in group], 2)
        rows.append((name, f"{error} %", PUBLISHED_CODES.get(name, ""), active, len(group)))
    minutes = sum(run["cpu_seconds"] for run in runs) / 60
    head = ("code", "test error", "published", "active units", "seeds")
    return f"""## Codes under a linear probe

Test error of a logistic regression on frozen codes of {result["units"]:,} units, all {result["images"]:,} labels; {result["epochs"]} epochs of training without labels; mean ± standard deviation over the seeds. An active unit is above 0.01.

{table(head, rows)}
The published figures are of other models. 1.28 % is a *stack of three* denoising layers, fine-tuned with the labels ([Vincent et al., 2010](https://www.jmlr.org/papers/v11/vincent10a.html)); 1.35 % is the k-sparse code of 1,000 units with k = 25 ([Makhzani and Frey, 2014](https://arxiv.org/abs/1312.5663)). Ours is one layer, and no label has touched it. It took {minutes:.0f} CPU minutes in all.

{where(result)}
"""


SECTIONS = {
    "training_speed": training_speed,
    "gpu_speed": gpu,
    "growth": growth,
    "time_to_quality": quality,
    "mnist_likelihood": likelihood,
    "evaluation_speed": evaluation,
    "codes": codes,
}


def page(results: dict) -> str:
    """The whole of results.md."""
    parts = [section(results[name]) for name, section in SECTIONS.items() if results.get(name)]
    return (
        "# Results: speed and likelihood\n\n"
        "What `aecore` does beside other ways, and beside what papers report. `make bench` measures the times anew and "
        "writes this page; the likelihood and the codes, which take longer, have a script each in `benchmarks/`. Raw "
        "rounds are in `benchmarks/results/`. Seconds belong to one machine; ratios within a round travel better.\n\n"
        + "\n".join(part for part in (findings(results), *parts) if part)
    )


def pictures(results: dict) -> dict[str, str]:
    """The pictures of the page: the name of each file in _static, and its SVG."""
    if "growth" not in results:
        return {}
    picture = growth_picture(results["growth"])
    return {f"growth-{mode}.svg": picture[mode] for mode in ("light", "dark")}


def load() -> dict:
    return {name: result for name in SECTIONS if (result := common.load(name))}


if __name__ == "__main__":
    results = load()
    (ROOT / "results.md").write_text(page(results), "utf-8")
    (ROOT / "benchmarks" / "TARGETS.md").write_text(asked(results), "utf-8")
    for name, svg in pictures(results).items():
        (ROOT / "_static" / name).write_text(svg, "utf-8")
    print(ROOT / "results.md")
