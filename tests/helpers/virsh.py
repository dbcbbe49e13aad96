#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""usage: virsh.py backup-begin VM BACKUP.xml [CHECKPOINT.xml] | virsh.py domjobabort VM |
       virsh.py checkpoint-delete VM NAME

Stands in for libvirt: says to a qemu-storage-daemon what libvirt says to QEMU. The daemon's monitor is
the Unix socket VM.qmp; it has the block node `vda`, the file vda.raw, which somebody writes to, and an
NBD server on the socket of the backup. Backups are in pull mode; checkpoints are bitmaps. `backup.log`
gets what is said and answered.
"""
import json
import socket
import subprocess
import sys
import xml.etree.ElementTree as xml

BITMAP = "backup-vda"  # libvirt's name for what it exports


class Monitor:
    def __init__(self, path):
        self.log = open("backup.log", "a", buffering=1, encoding="utf-8")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r")
        self.events = set()  # that have been seen
        self.read()  # the greeting
        self.command("qmp_capabilities")

    def command(self, command, **arguments):
        text = json.dumps({"execute": command, "arguments": arguments})
        print("->", text, file=self.log)
        self.socket.sendall(text.encode() + b"\n")
        while "event" in (answer := self.read()):
            self.events.add(answer["event"])
        if "error" in answer:
            sys.exit(f"{command}: {answer['error']['desc']}")
        return answer["return"]

    def read(self):
        line = self.lines.readline()
        print("<-", line, end="", file=self.log)
        return json.loads(line)

    def wait_for(self, event):
        while event not in self.events:
            self.events.add(self.read().get("event"))


def backup_begin(monitor, backup, checkpoint):
    disk = backup.find("disks/disk")
    node = disk.get("name")
    scratch = disk.find("scratch").get("file")
    since = backup.findtext("incremental")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", "vda.raw", "-F", "raw", scratch],
                   check=True)
    monitor.command("blockdev-add", **{"driver": "qcow2", "node-name": "scratch", "backing": node,
                                       "file": {"driver": "file", "filename": scratch}})
    actions = []
    if since:
        # What the checkpoint has marked up to now: a copy, which nothing more is marked in.
        name = {"node": node, "name": BITMAP}
        actions += [("block-dirty-bitmap-add", {**name, "disabled": True}),
                    ("block-dirty-bitmap-merge", {"node": node, "target": BITMAP, "bitmaps": [since]})]
    if checkpoint is not None:
        if since:
            actions.append(("block-dirty-bitmap-disable", {"node": node, "name": since}))
        actions.append(("block-dirty-bitmap-add", {"node": node, "name": checkpoint.findtext("name")}))
    actions.append(("blockdev-backup", {"job-id": "backup", "device": node, "target": "scratch",
                                        "sync": "none"}))
    monitor.command("transaction", actions=[{"type": t, "data": d} for t, d in actions])
    monitor.command("block-export-add", **{
        "type": "nbd", "id": "backup", "node-name": "scratch", "name": disk.get("exportname", node),
        **({"bitmaps": [{"node": node, "name": BITMAP}]} if since else {})})


def domjobabort(monitor):
    monitor.command("block-export-del", id="backup", mode="hard")
    monitor.wait_for("BLOCK_EXPORT_DELETED")
    monitor.command("block-job-cancel", device="backup")
    monitor.wait_for("BLOCK_JOB_CANCELLED")
    monitor.command("blockdev-del", **{"node-name": "scratch"})
    for node in monitor.command("query-named-block-nodes", flat=True):
        for bitmap in node.get("dirty-bitmaps", []):
            if bitmap.get("name") == BITMAP:
                monitor.command("block-dirty-bitmap-remove", node=node["node-name"], name=BITMAP)


def checkpoint_delete(monitor, name):
    """The one before it, if there is one, gets what this one has marked, and marks again."""
    nodes = monitor.command("query-named-block-nodes", flat=True)
    bitmaps = next(n.get("dirty-bitmaps", []) for n in nodes if n["node-name"] == "vda")
    for bitmap in bitmaps:
        if bitmap["name"] != name:
            before = {"node": "vda", "name": bitmap["name"]}
            monitor.command("block-dirty-bitmap-merge", node="vda", target=bitmap["name"], bitmaps=[name])
            monitor.command("block-dirty-bitmap-enable", **before)
    monitor.command("block-dirty-bitmap-remove", node="vda", name=name)


def main():
    verb, vm = sys.argv[1:3]
    monitor = Monitor(vm + ".qmp")
    if verb == "backup-begin":
        backup, checkpoint = [xml.parse(path).getroot() for path in (sys.argv[3:] + [None])[:2] if path]
        backup_begin(monitor, backup, checkpoint)
    elif verb == "checkpoint-delete":
        checkpoint_delete(monitor, sys.argv[3])
    else:
        domjobabort(monitor)


main()
