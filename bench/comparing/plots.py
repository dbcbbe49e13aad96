# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of results. The same results give the same bytes with the same matplotlib: no date, no random names."""

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import ticker  # noqa: E402

from .results import MIB  # noqa: E402

COLOURS = {"ours": "#1b6ca8", "floor": "#9aa5ad", "theirs": "#d98e3f"}
NAMES = {"ours": "qcow2-to-stdout", "floor": "the least that anybody has to do", "theirs": "others"}

plt.rcParams.update({
    "svg.hashsalt": "qcow2-to-stdout", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": "#e4e7e9"})


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def legend(axes, kinds):
    marks = [plt.Rectangle((0, 0), 1, 1, color=COLOURS[kind]) for kind in kinds]
    axes.legend(marks, [NAMES[kind] for kind in kinds], loc="upper right", frameon=False)


def bars(competitors, path, title, key="seconds", unit="s"):
    """A bar for each, the fastest above: the median, and from the least to the most."""
    shown = sorted((c for c in competitors if c.all(key)), key=lambda c: -c.median(key))
    figure, axes = plt.subplots(figsize=(7.2, 0.9 + 0.36 * len(shown)))
    for place, competitor in enumerate(shown):
        middle, values = competitor.median(key), competitor.all(key)
        axes.barh(place, middle, color=COLOURS[competitor.kind], height=0.66)
        axes.plot([min(values), max(values)], [place, place], color="#333333", linewidth=1)
        axes.text(max(values), place, f"  {middle:.3g} {unit}", va="center", ha="left")
    axes.set_yticks(range(len(shown)), [competitor.label for competitor in shown])
    axes.set_xlim(0, 1.16 * max(max(competitor.all(key)) for competitor in shown))
    axes.grid(axis="y", visible=False)
    axes.set_title(title, loc="left", fontsize=9)
    legend(axes, [kind for kind in NAMES if any(c.kind == kind for c in shown)])
    save(figure, path)


def time_against_size(competitors, path, title):
    """A point for each; what is below and to the left of another is better."""
    figure, axes = plt.subplots(figsize=(7.2, 4.4))
    shown = [c for c in competitors if c.all("bytes")]
    for competitor in shown:
        x, y = competitor.median(), competitor.median("bytes") / MIB
        axes.plot(x, y, "o", color=COLOURS[competitor.kind])
        axes.annotate(competitor.label.removeprefix("ours "), (x, y), textcoords="offset points", xytext=(6, 3), fontsize=8)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    seconds = [c.median() for c in shown]
    axes.set_xlim(min(seconds) / 1.4, max(seconds) * 2.5)  # room for the last name
    axes.set_xlabel("seconds (logarithmic)")
    axes.set_ylabel("MiB of the image")
    axes.set_title(title, loc="left", fontsize=9)
    legend(axes, [kind for kind in NAMES if any(c.kind == kind for c in shown)])
    save(figure, path)


def growth(rows, path, title):
    """Seconds over allocated clusters: disks of equal density, and of growing size with equal data."""
    figure, axes = plt.subplots(figsize=(7.2, 3.4))
    for word, name, colour in (("gib", "1 to 8 GiB, equally dense", COLOURS["ours"]),
                               ("tib", "1 to 15 TiB with the same data", COLOURS["theirs"])):
        of_word = [row for row in rows if word in row[0]]
        if of_word:
            axes.plot([row[2] for row in of_word], [row[3] for row in of_word], "o-", color=colour, label=name)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("allocated clusters of 64 KiB")
    axes.set_ylabel("seconds")
    axes.set_title(title, loc="left", fontsize=9)
    axes.legend(frameon=False, loc="upper left")
    save(figure, path)
