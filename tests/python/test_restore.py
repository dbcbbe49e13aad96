# SPDX-License-Identifier: GPL-2.0-or-later
"""From images to disks."""
import os
import shutil
import threading

import pytest
import qcow2stream
from conftest import MIB


def test_a_chain_becomes_a_disk(disk, expected, tool, tmp_path):
    new = tmp_path / "new.raw"
    shutil.copy(disk, new)
    with new.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(b"changed")
    (tmp_path / "a.qcow2").write_bytes(expected)
    (tmp_path / "b.qcow2").write_bytes(tool("--base", disk, "-B", "a.qcow2", "-F", "qcow2", new))
    told = []
    result = qcow2stream.restore(
        tmp_path / "restored.raw", tmp_path / "a.qcow2", tmp_path / "b.qcow2", progress=lambda *now: told.append(now)
    )
    assert (tmp_path / "restored.raw").read_bytes() == new.read_bytes()
    assert result["disk-size"] == new.stat().st_size and result["written"] > 0
    assert told
    with pytest.raises(qcow2stream.FailedError) as failure:
        qcow2stream.restore(tmp_path / "restored.raw", tmp_path / "a.qcow2")
    assert failure.value.advice == "overwrite" and failure.value.subject == "target"
    qcow2stream.restore(tmp_path / "restored.raw", tmp_path / "a.qcow2", overwrite=True)
    assert (tmp_path / "restored.raw").read_bytes() == disk.read_bytes()


def test_a_pipe_is_restored_while_it_arrives(disk, tmp_path):
    reader, writer = os.pipe()
    image = qcow2stream.Image(disk, compress=True)

    def send():
        with open(writer, "wb", buffering=0) as file:
            image.write_to(file)

    thread = threading.Thread(target=send)
    thread.start()
    with open(reader, "rb", buffering=0) as file:
        qcow2stream.restore(tmp_path / "restored.raw", file)
    thread.join()
    assert (tmp_path / "restored.raw").read_bytes() == disk.read_bytes()


def test_what_is_damaged_leaves_nothing(expected, tmp_path):
    (tmp_path / "damaged.qcow2").write_bytes(expected[: len(expected) // 2])
    with pytest.raises(qcow2stream.DamagedError):
        qcow2stream.restore(tmp_path / "restored.raw", tmp_path / "damaged.qcow2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.qcow2", "disk.raw"]
