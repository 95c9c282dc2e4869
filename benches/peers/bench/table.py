"""What was measured: a table of medians and ratios, and lines of JSON."""

import json
import shlex
import statistics
import sys

COLUMNS = (
    "| operation | peer | a second | p50 ms | p99 ms | its CPU, us each | ours is so many times as fast | by CPU |"
)


def show(peers, measured, given):
    print(f"\nmedians of {given.rounds} rounds of {given.seconds:g} s, {given.members:,} members")
    print(COLUMNS)
    print("| --- " * (COLUMNS.count("|") - 1) + "|")
    figures = []
    for (key, operation), runs in sorted(measured.items(), key=lambda item: item[0][1]):
        name = next(peer.name for peer in peers if peer.key == key)
        ours = measured["ours", operation]
        # Of each round, which had the same machine; then the median.
        ratio = statistics.median(our.rate / their.rate for our, their in zip(ours, runs))
        by_cpu = statistics.median(their.cpu_micros / our.cpu_micros for our, their in zip(ours, runs))
        rate = median(runs, "rate")
        cells = [f"{rate:,.0f}", *(shown(median(runs, what)) for what in ("p50_ms", "p99_ms", "cpu_micros"))]
        print(f"| {operation} | {name} | {' | '.join(cells)} | {ratio:.2f} | {by_cpu:.2f} |")
        figures.append((f"{operation}.{key}.rate", rate, "1/s"))
        figures.append((f"{operation}.{key}.cpu", median(runs, "cpu_micros"), "us"))
        if key != "ours":
            figures.append((f"{operation}.ours_over_{key}", ratio, "ratio"))
    if given.json:
        append(given.json, figures)


def median(runs, what):
    values = [getattr(run, what) for run in runs]
    return None if None in values else statistics.median(values)


def shown(value):
    """pgbench tells no quantiles."""
    return "-" if value is None else f"{value:.1f}"


def append(file, figures):
    command = shlex.join(["benches/peers/run", *without_file(sys.argv[1:])])
    with open(file, "a", encoding="utf-8") as lines:
        for figure, value, unit in figures:
            line = {"bench": "peers", "figure": figure, "value": round(value, 3), "unit": unit, "command": command}
            lines.write(json.dumps(line) + "\n")


def without_file(words):
    """The arguments without where the figures go."""
    if "--json" not in words:
        return words
    place = words.index("--json")
    return words[:place] + words[place + 2 :]
