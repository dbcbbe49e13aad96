# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions about what no file system uses (`--leave-out`)."""

import os
import shutil
import subprocess
import sys

from . import Skip
from .aged_disks import half_deleted, large, same_files
from .bench import Row
from .checks import output_of
from .disks import MIB
from .runs import CAT, FILE, NOTHING, Cell
from .servers import require

FREE = ("--leave-out", "free")

# Without metadata_csum the bitmaps of ext4 have no checksums, so all inodes are read as a second witness.
LARGE = [("ext4", "ext4", []), ("ext4 without metadata_csum", "ext4", ["-O", "^metadata_csum"]), ("XFS", "xfs", [])]


def find_free(bench):
    """33: how long does it take to find what is free of 1 TiB, and how much memory?"""
    for what, kind, options in LARGE:
        name = f"large-{kind}" + ("-unchecked" if options else "")
        try:
            compare_large(bench, what, large(bench.disks, name, kind, options))
        except Skip as skip:
            bench.notes.append(f"33 {what}: not measured: {skip}")


def compare_large(bench, what, disk):
    bench.runner.warm(disk)
    cells = [bench.programs.us(disk, NOTHING, "--measure=size", *FREE), bench.programs.us(disk, NOTHING, "--measure=size")]
    samples = bench.run(f"warm, what is free of 1 TiB of {what}", cells)
    ours, without = (cell.label() for cell in cells)
    title = f"33 1 TiB of {what}, warm, --measure"
    bench.rows.append(Row(title, samples[ours].median(), "at most", 2, most=1))
    bench.compare(title, samples, ours, without)
    bench.rows.append(Row(f"{title}: peak memory", max(samples[ours].all("peak_rss_bytes")) / MIB, "64 MiB", 64, most=1,
                          unit="MiB"))


def half_of_files_deleted(bench):
    """34: how small, and how fast, is a disk of which half of the files were deleted?"""
    for what, kind in (("ext4", "ext4"), ("XFS", "xfs")):
        try:
            disk = half_deleted(bench.disks, kind)
        except Skip as skip:
            bench.notes.append(f"34 {what}: not measured: {skip}")
            continue
        bench.runner.warm(disk)
        check_restored(bench, kind, disk)
        through_a_pipe(bench, what, kind, disk)
        to_a_file(bench, what, disk)


def check_restored(bench, kind, disk):
    """Whoever leaves out more than is free would win."""
    p, out = bench.programs, bench.disks.directory / "restored.raw"
    try:
        subprocess.run(["sh", "-c", '"$1" -q --leave-out free "$2" | "$3" -q "$4"', "sh", p.ours, disk, p.ours_back, out],
                       check=True)
        if not same_files(kind, disk, out):
            sys.exit(f"bench: ours restored another file system: {kind}")
    finally:
        out.unlink(missing_ok=True)


def partclone(kind, disk):
    """-F: it writes to a terminal, too. -f: it looks once a second whether it has ended, otherwise every other one. -a0:
    without checksums, as ours."""
    program = "partclone.extfs" if kind == "ext4" else "partclone.xfs"
    return Cell(program, [program, "-c", "-F", "-a0", "-f", "1", "-L", os.devnull, "-s", disk, "-o", "-"], CAT)


def through_a_pipe(bench, what, kind, disk):
    p = bench.programs
    cells = [p.us(disk, CAT, *FREE), p.us(disk, CAT)]
    theirs = partclone(kind, disk)
    if shutil.which(theirs.name):
        cells.append(theirs)
    else:
        bench.notes.append(f"34 {theirs.name}: not measured: it is not installed")
    samples = bench.run(f"warm, half of the files deleted, {what}", cells)
    sizes = {cell.label(): output_of(cell)[0] / MIB for cell in cells}
    ours, *others = [cell.label() for cell in cells]
    title = f"34 {what}, half of the files deleted, warm, pipe to cat"
    for other in others:
        bench.compare(title, samples, ours, other, least=0)
        bench.compare(f"{title}: CPU", samples, ours, other, key="cpu_seconds", least=0)
        bench.rows.append(Row(f"{title}: size", sizes[ours], other, sizes[other], unit="MiB"))


def virt_sparsify(disk, out, settings):
    environment = ["LIBGUESTFS_BACKEND=direct", f"LIBGUESTFS_BACKEND_SETTINGS={settings}", f"TMPDIR={out.parent}"]
    command = ["env", *environment, "virt-sparsify", "--quiet", "--format", "raw", "--convert", "qcow2", disk, out]
    return Cell("virt-sparsify, emulated" if settings else "virt-sparsify", command, NOTHING, files=[out])


def virt_sparsify_that_runs(disk, out):
    """It looks into the disk with a machine of its own. KVM may be there and do nothing right."""
    require("virt-sparsify")
    for settings in ("", "force_tcg"):
        cell = virt_sparsify(disk, out, settings)
        try:
            done = subprocess.run([str(word) for word in cell.command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, check=False)
        finally:
            out.unlink(missing_ok=True)
        if done.returncode == 0:
            return cell
    said = [line for line in done.stderr.splitlines() if "error" in line] or ["it says nothing"]
    raise Skip(f"virt-sparsify does not run here: {said[0].strip()}")


def to_a_file(bench, what, disk):
    p, directory = bench.programs, bench.disks.directory
    cells = [p.us(disk, FILE, *FREE, files=[directory / "ours.qcow2"])]
    try:
        theirs = virt_sparsify_that_runs(disk, directory / "sparse.qcow2")
    except Skip as skip:
        bench.notes.append(f"34 {what}, virt-sparsify: not measured: {skip}")
        return
    samples = bench.run(f"warm, half of the files deleted, {what}, to a file", [*cells, theirs], warm_up=False)
    ours, other = cells[0].label(), theirs.label()
    title = f"34 {what}, half of the files deleted, to a file"
    bench.compare(title, samples, ours, other, least=0)
    bench.rows.append(Row(f"{title}: size", samples[ours].median("bytes") / MIB, other, samples[other].median("bytes") / MIB,
                          unit="MiB"))
