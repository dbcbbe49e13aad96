# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables for people, and a record for later."""

import dataclasses
import datetime
import json
import os
import platform
import statistics
import subprocess

from .disks import GIB, MIB, TIB


def table(titles, rows):
    print(f"\n| {' | '.join(titles)} |\n|{'|'.join('---' for _ in titles)}|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def value(number, unit):
    return f"{number:.0f} {unit}" if unit != "s" else f"{number:.4g} s"


def target_of(row):
    if row.least:
        text = f"≥ {row.least}"
    elif row.most is not None:
        text = f"≤ {row.most}"
    else:
        return ""
    return text if row.met() else f"{text} **missed**"


def print_rows(rows):
    table(("what", "ours", "compared with", "ratio", "target"),
          [(row.what, value(row.ours, row.unit),
            f"{row.other}: {value(row.theirs, row.unit)}",
            ("theirs/ours " if row.least is not None else "ours/theirs ") + f"{row.ratio():.2f}",
            target_of(row)) for row in rows])


def size_text(size):
    return f"{size / TIB:g} TiB" if size >= TIB else f"{size / GIB:g} GiB"


def print_growth(growth):
    table(("disk", "virtual size", "allocated clusters", "seconds", "µs a cluster", "peak memory"),
          [(name, size_text(size), str(clusters), f"{seconds:.4g}",
            f"{seconds / clusters * 1e6:.2f}", f"{memory / MIB:.0f} MiB")
           for name, size, clusters, seconds, memory in growth])


def print_details(details):
    rows = []
    for title, samples in details:
        for label, cell in samples.items():
            seconds = cell.all("seconds")
            first = cell.all("first_byte_seconds")
            rows.append((title, label, f"{statistics.median(seconds):.4g}",
                         f"{min(seconds):.4g} to {max(seconds):.4g}",
                         f"{statistics.median(first):.4g}" if first else "",
                         f"{cell.median('cpu_seconds'):.4g}",
                         f"{max(cell.all('peak_rss_bytes')) / MIB:.0f} MiB"))
    table(("group", "competitor", "median s", "range", "first byte s", "user+sys s", "peak memory"),
          rows)


def print_checks(rows):
    table(("disk", "competitor", "bytes", "what it wrote"),
          [(disk, competitor, str(size), verdict) for disk, competitor, size, verdict in rows])


# --- the machine ---

def first_match(path, key):
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.startswith(key):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return "unknown"


def output_line(command, directory=None):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              cwd=directory, check=True)
        return done.stdout.splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def machine(directory, programs, root):
    """Nothing that tells whose machine it is."""
    return {
        "cpu": first_match("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(int(first_match("/proc/meminfo", "MemTotal").split()[0]) / 1048576, 1),
        "kernel": platform.release(),
        "file_system": output_line(["findmnt", "-n", "-o", "FSTYPE", "-T", directory]),
        "qemu": output_line(["qemu-img", "--version"]),
        "python": platform.python_version(),
        "program": output_line([programs.ours, "--version"]),
        "commit": output_line(["git", "describe", "--always", "--dirty"], root),
        "reference": "given" if programs.reference else "not given",
        "load_before": round(os.getloadavg()[0], 2),
    }


def print_machine(description):
    print(", ".join(f"{key} {value}" for key, value in description.items()))


# --- the record ---

def save(folder, bench, description, arguments):
    folder.mkdir(exist_ok=True)
    date = datetime.date.today().isoformat()
    path, n = folder / f"{date}.json", 1
    while path.exists():
        n += 1
        path = folder / f"{date}-{n}.json"
    rows = [{**dataclasses.asdict(row), "ratio": row.ratio(),
             "met": row.met() if target_of(row) else None}
            for row in bench.rows]
    record = {"date": date, "machine": description, "arguments": arguments, "rows": rows,
              "growth": bench.growth, "notes": bench.notes, "outputs": bench.checks.rows,
              "runs": bench.runner.record}
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
