# SPDX-License-Identifier: GPL-2.0-or-later
"""Readers that go away: after each region of the image, or just before its end."""

from matrix import But


def table(m):
    for source in "raw", "compress", "base", "stdin":
        image = len(m.wanted[source])
        for count, what in [(0, "0 bytes"), (1, "1 byte"), (image // 2, "half of the image")]:
            reader_leaves(m, count, what, source)
        for name, end in m.region_ends(source):
            if end < image:
                reader_leaves(m, end, f"the {name}", source)
            reader_leaves(m, end - 1, f"the {name} but a byte" if end < image else f"all but a byte of {name}", source)
    for source in "raw", "image", "qemu":
        for count in 0, 1, 1000000:
            reader_leaves(m, count, f"{count} bytes", source, "socket", 1)


def reader_leaves(m, count, what, source, output="pipe", status="[01]"):
    """It takes so many bytes and closes. What a pipe or a socket holds then is lost, and nobody can know."""
    running = m.start(source, output=output)
    running.take(count)
    running.leave()
    m.judge(f"reader leaves after {what}", source, output, running.received, running.finish(),
            (status, "standard output: write failed: (broken pipe|connection reset)"), But.READER_LEAVES)
