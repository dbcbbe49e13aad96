# SPDX-License-Identifier: GPL-2.0-or-later
"""An Image is a file, and says what fails."""
import errno
import io
import os
import pickle
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest
import qcow2stream
from conftest import MIB, need
from qcow2stream import Image


def test_it_is_the_image_that_the_program_makes(disk, expected, tool):
    with Image(disk) as image:
        assert image.size == len(expected)
        assert image.read() == expected
        assert image.id == tool("--measure=id", disk).decode().strip()
    assert image.closed


def test_it_is_a_file(disk, expected):
    image = Image(disk)
    assert isinstance(image, io.RawIOBase)
    assert image.readable() and image.seekable() and not image.writable() and not image.isatty()
    assert image.seek(-100, io.SEEK_END) == len(expected) - 100
    assert image.read(200) == expected[-100:]
    assert image.read(1) == b"" and image.tell() == len(expected)
    assert image.seek(10) == 10 and image.seek(5, io.SEEK_CUR) == 15
    buffer = bytearray(4096)
    assert image.readinto(buffer) == 4096
    assert buffer == expected[15 : 15 + 4096]
    assert image.seek(len(expected) + 5) and image.read() == b"" and image.readinto(bytearray(1)) == 0
    with pytest.raises(ValueError):
        image.seek(-1)
    with pytest.raises(ValueError):
        image.seek(0, 7)
    with pytest.raises(OSError):
        image.write(b"x")
    with pytest.raises(OSError):
        image.fileno()
    with pytest.raises(BufferError):
        image.readinto(bytes(10))
    image.close()
    for use in (image.read, image.tell, lambda: image.size, lambda: image.pread(1, 0), image.measure):
        with pytest.raises(ValueError):
            use()
    image.close()


def test_a_buffered_reader_reads_it(disk, expected):
    with io.BufferedReader(Image(disk), 100_000) as reader:
        assert reader.read(3) == b"QFI"
        reader.seek(-1000, io.SEEK_END)
        assert reader.read() == expected[-1000:]


def test_pread_takes_any_part_and_leaves_the_position(disk, expected):
    with Image(disk) as image:
        image.seek(7)
        chance = random.Random(1)
        for _ in range(50):
            offset = chance.randrange(len(expected) + 1000)
            length = chance.randrange(200_000)
            assert image.pread(length, offset) == expected[offset : offset + length]
        assert image.tell() == 7
        with pytest.raises(ValueError):
            image.pread(1, -1)
        with pytest.raises(ValueError):
            image.pread(-1, 0)


def in_threads(number, work):
    """Runs `work(number)` in so many threads at once, and raises what one of them raises."""
    failures = []

    def guarded(index):
        try:
            work(index)
        except BaseException as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("options", [{}, {"compress": "zstd", "spool_memory": 0}])
def test_many_threads_read_it(disk, tool, options):
    arguments = ["--compress=zstd"] if options else []
    expected = tool(*arguments, disk)
    with Image(disk, **options) as image:

        def read_parts(seed):
            chance = random.Random(seed)
            for _ in range(20):
                offset = chance.randrange(len(expected))
                assert image.pread(100_000, offset) == expected[offset : offset + 100_000]

        in_threads(6, read_parts)


def test_threads_that_share_the_position_get_each_byte_once(disk, expected):
    size = 64 * 1024
    taken = []
    with Image(disk) as image:

        def take(_index):
            while block := image.read(size):
                taken.append(block)

        in_threads(4, take)
    blocks = [expected[offset : offset + size] for offset in range(0, len(expected), size)]
    assert sorted(taken) == sorted(blocks)


def test_closing_it_waits_for_nobody_and_takes_nothing_away(disk, expected):
    image = Image(disk, compress="zlib", spool_memory=0)
    whole = image.pread(image.size, 0)
    assert len(whole) < len(expected)

    def read(index):
        if index == 0:
            image.close()
            return
        try:
            for _ in range(20):
                assert image.pread(MIB, 0) == whole[:MIB]
        except ValueError:
            assert image.closed

    in_threads(4, read)


def test_measure(disk, expected):
    with Image(disk) as image:
        measured = image.measure()
        assert measured["required"] == len(expected)
        assert measured["virtual-size"] == disk.stat().st_size
        assert measured["data-clusters"] * 65536 < len(expected) < measured["fully-allocated"]
        assert measured["detects-changes"] == 1


def test_write_to(disk, expected, tmp_path):
    with Image(disk) as image:
        with (tmp_path / "image").open("wb") as file:
            file.write(b"before")
            image.write_to(file)
            file.write(b"behind")
        assert (tmp_path / "image").read_bytes() == b"before" + expected + b"behind"
        told = []
        with (tmp_path / "part").open("wb") as file:
            image.write_to(file.fileno(), offset=1000, length=5000, progress=lambda *now: told.append(now))
        assert (tmp_path / "part").read_bytes() == expected[1000:6000]
        assert told[-1][0] == told[-1][1] == 5000
        with pytest.raises(qcow2stream.UsageError), (tmp_path / "none").open("wb") as file:
            image.write_to(file, offset=len(expected) + 1)
        with pytest.raises(ValueError), (tmp_path / "none").open("wb") as file:
            image.write_to(file, offset=-1)


def test_a_pipe_that_nobody_reads(disk):
    reader, writer = os.pipe()
    os.close(reader)
    with Image(disk) as image, open(writer, "wb", buffering=0) as file:
        with pytest.raises(qcow2stream.FailedError) as failure:
            image.write_to(file)
    assert failure.value.errno == errno.EPIPE and failure.value.subject == "output"


def test_options(disk, tool):
    with Image(disk, cluster_size=4096, refcount_bits=8, compress="zstd:3", extended_l2=False) as image:
        assert image.read() == tool("-c", "4096", "-r", "8", "--compress=zstd:3", disk)
    with Image(disk, compress=True) as image:
        assert image.read() == tool("--compress", disk)
    assert "cluster-size" in qcow2stream.option_names()
    with pytest.raises(qcow2stream.UsageError) as failure:
        Image(disk, clustersize=4096)
    assert failure.value.name == "clustersize" and isinstance(failure.value, ValueError)
    with pytest.raises(qcow2stream.UsageError):
        Image(disk, cluster_size="much")


def test_kinds_of_errors(disk, tmp_path):
    with pytest.raises(qcow2stream.FailedError) as failure:
        Image(tmp_path / "no disk")
    assert failure.value.errno == errno.ENOENT and isinstance(failure.value, OSError)
    assert str(failure.value).startswith(str(tmp_path / "no disk") + ": ")
    image = Image(disk)
    with disk.open("ab") as file:
        file.truncate(25 * MIB)
    with pytest.raises(qcow2stream.ChangedError):
        image.read(10)
    assert issubclass(qcow2stream.ChangedError, qcow2stream.Error)
    assert not issubclass(qcow2stream.ChangedError, OSError), "others try again what fails with a connection"


def test_names_that_are_no_text(disk):
    name = os.fsencode(disk.parent) + b"/\xff.raw"
    with pytest.raises(qcow2stream.FailedError) as failure:
        Image(name)
    assert failure.value.name == os.fsdecode(name)
    os.rename(disk, name)
    with Image(name) as image:
        assert image.size > 0


def test_qcow2_images_and_raw_disks_that_look_like_them(disk, expected, tmp_path):
    (tmp_path / "vm.qcow2").write_bytes(expected)
    with pytest.raises(qcow2stream.FailedError) as failure:
        Image(tmp_path / "vm.qcow2")
    assert failure.value.advice == "input-format"
    for name in ("qcow2", "auto"):
        with Image(tmp_path / "vm.qcow2", format=name) as image:
            assert image.read() == expected
    with Image(tmp_path / "vm.qcow2", format="raw") as image:
        assert image.measure()["virtual-size"] >= len(expected)


def test_plan(disk, expected, tmp_path):
    with Image(disk) as image:
        image.save_plan(tmp_path / "plan")
        with pytest.raises(FileExistsError):
            image.save_plan(tmp_path / "plan")
    with Image(disk, plan=tmp_path / "plan") as image:
        assert image.read() == expected
    with disk.open("ab") as file:
        file.truncate(25 * MIB)
    with pytest.raises(qcow2stream.MismatchError):
        Image(disk, plan=tmp_path / "plan")


def test_a_plan_with_digests_of_a_disk_without_a_time(disk, tool, tmp_path):
    """An emission is compared with them, and a read with nothing. The same if only the plan has no time."""
    need("nbdkit")
    plans, server = (tmp_path / "of-file", tmp_path / "of-server"), ["nbdkit", "--exit-with-parent", "file", str(disk)]
    images = []
    for plan, source in zip(plans, ([disk], ["--", "[", *server, "]"])):
        manifest = plan.with_suffix(".manifest")
        images.append(tool("--save-plan", plan, "--save-manifest", manifest, *source))
    assert images[0] == images[1]
    for plan, source in zip(plans, (server, disk)):
        with Image(source, plan=plan) as image:
            with pytest.raises(qcow2stream.MismatchError):
                image.read(1)
            with open(tmp_path / "emitted", "wb") as file:
                image.write_to(file)
            assert (tmp_path / "emitted").read_bytes() == images[0]
        with Image(source, plan=plan, assume_unchanged=True) as image:
            assert image.read() == images[0]


def test_increment(disk, tool, tmp_path):
    new = tmp_path / "new.raw"
    shutil.copy(disk, new)
    with new.open("r+b") as file:
        file.seek(20 * MIB)
        file.write(b"changed")
    with Image(new, base=disk, backing_file="base.qcow2", backing_format="qcow2") as image:
        assert image.measure()["data-clusters"] == 1
        assert image.read() == tool("--base", disk, "-B", "base.qcow2", "-F", "qcow2", new)


def test_it_is_read_while_another_thread_of_python_runs(expected, disk):
    """The disk comes through a pipe from a thread of Python. If the GIL were held, neither could go on."""
    reader, writer = os.pipe()

    def send():
        with open(writer, "wb", buffering=0) as file, disk.open("rb") as source:
            shutil.copyfileobj(source, file)

    thread = threading.Thread(target=send)
    thread.start()
    with open(reader, "rb", buffering=0) as file, Image(file) as image:
        assert image.read() == expected
    thread.join()


def test_a_program_and_a_node(disk, expected):
    need("nbdkit")
    with Image(["nbdkit", "--exit-with-parent", "file", str(disk)]) as image:
        assert image.read() == expected
    need("qemu-nbd")
    with Image({"driver": "file", "filename": str(disk), "read-only": True}) as image:
        assert image.read() == expected


def test_a_disk_that_was_opened_by_a_thread_that_has_ended(disk, expected):
    need("nbdkit")
    images = []
    in_threads(1, lambda _: images.append(Image(["nbdkit", "--exit-with-parent", "file", str(disk)])))
    with images[0] as image:
        assert image.read() == expected


def test_what_a_progress_function_raises_ends_it(disk):
    class Enough(Exception):
        """Of the test."""

    def stop(_done, _total):
        raise Enough

    with pytest.raises(Enough):
        Image(disk, progress=stop)
    with Image(disk) as image, open(os.devnull, "wb") as file, pytest.raises(Enough):
        image.write_to(file, progress=stop)


def test_ctrl_c_ends_a_survey(disk, tmp_path):
    """A server that needs a second for each read: the survey would take half a minute."""
    need("nbdkit")
    code = f"""
import qcow2stream
print("begins", flush=True)
qcow2stream.Image(["nbdkit", "--exit-with-parent", "--filter=delay", "file", {str(disk)!r}, "rdelay=1"],
                  compress=True, requests=1, connections=1)
"""
    environment = {**os.environ, "LD_LIBRARY_PATH": os.environ["QCOW2STREAM_LIBRARY_DIR"]}
    if os.environ.get("QCOW2STREAM_PRELOADED"):
        pytest.skip("the sanitizer would have to be loaded into another python3")
    with subprocess.Popen(
        [os.environ["PYTHON"], "-c", code],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as process:
        assert process.stdout.readline() == "begins\n"
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert "KeyboardInterrupt" in errors, errors


def test_disk(disk):
    opened = qcow2stream.Disk(disk)
    assert opened.size == disk.stat().st_size and opened.name == str(disk)
    assert opened.pread(10, 0) == disk.read_bytes()[:10]
    assert opened.pread(1024, opened.size - 512) == disk.read_bytes()[-512:]
    assert isinstance(opened.caveats, list)
    with Image(opened) as image:
        assert image.caveats == opened.caveats


def test_version():
    assert qcow2stream.__version__ == os.environ["VERSION"]


def test_everything_is_documented():
    assert qcow2stream.__doc__
    for name in qcow2stream.__all__:
        thing = getattr(qcow2stream, name)
        assert thing.__doc__, name
        for part in vars(thing) if isinstance(thing, type) else ():
            if not part.startswith("_") and callable(getattr(thing, part)):
                assert getattr(thing, part).__doc__, f"{name}.{part}"


def test_errors_can_be_copied(tmp_path):
    with pytest.raises(qcow2stream.FailedError) as failure:
        Image(tmp_path / "no disk")
    copied = pickle.loads(pickle.dumps(failure.value))
    assert type(copied) is qcow2stream.FailedError
    assert str(copied) == str(failure.value) and copied.advice == failure.value.advice
