"""Draws a plot for each question of a report: `draw.py growth.json FOLDER`, or of the model of scale.

It runs in an environment of its own, with matplotlib in it; `benchmarks.growth.plots` makes that and calls it.
"""

import json
import sys
from pathlib import Path
from statistics import median

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, NullLocator

mpl.use("svg")
# Text stays text, and the same figures give the same file.
mpl.rcParams.update(
    {"svg.fonttype": "none", "svg.hashsalt": "cometary", "font.size": 10, "font.family": "sans-serif"}
)
DECADES = 100
"""An axis whose ends differ by more is logarithmic; on one that is not, all values have the same distance."""


def draw(question, folder, prefix):
    """Draws what was found, with the range of the rounds, and what was promised."""
    xs = sorted({point["x"] for curve in question["curves"].values() for point in curve})
    logarithmic = xs[-1] / xs[0] >= DECADES
    places = dict(zip(xs, xs if logarithmic else range(len(xs)), strict=True))
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for name, points in question["curves"].items():
        middles = [median(point["rounds"]) for point in points]
        below = [middle - min(point["rounds"]) for middle, point in zip(middles, points, strict=True)]
        above = [max(point["rounds"]) - middle for middle, point in zip(middles, points, strict=True)]
        at = [places[point["x"]] for point in points]
        axes.errorbar(at, middles, yerr=[below, above], marker="o", markersize=4, capsize=3, label=name)
    if question["limit"] is not None:
        axes.axhline(question["limit"], color="#888", linestyle="--", label="promised")
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xticks(list(places.values()), [f"{x:,g}" for x in xs])
    axes.xaxis.set_minor_locator(NullLocator())
    highest = max(max(point["rounds"]) for curve in question["curves"].values() for point in curve)
    lowest = min(min(point["rounds"]) for curve in question["curves"].values() for point in curve)
    if lowest > 0 and highest / lowest >= DECADES:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axes.set(xlabel=question["x"], ylabel=question["y"], title=question["title"])
    axes.grid(color="#ddd", linewidth=0.5)
    axes.legend(frameon=False)
    figure.savefig(folder / f"{prefix}-{question['name']}.svg", metadata={"Date": None})
    plt.close(figure)


def main():
    """Draws all that have something to be compared."""
    report, folder = map(Path, sys.argv[1:])
    found = json.loads(report.read_text("utf-8"))
    for question in found["questions"]:
        if any(len(curve) > 1 for curve in question["curves"].values()):
            draw(question, folder, found.get("prefix", "growth"))


if __name__ == "__main__":
    main()
