# SPDX-License-Identifier: GPL-2.0-or-later
"""What is written beside the image: digests, plans, reports and progress that have no room, and a file that cannot be opened,
written, closed or flushed.
"""

import pathlib

from beside import DIGEST, FILES, PLAN, REPORT
from matrix import SURVIVED, But

OUR = "^qcow2-to-stdout: "
NO_ROOM = ("ENOSPC", "EIO", "EDQUOT")


def table(m):
    m.but = But.NOTHING_IS_WRITTEN
    for path, options, output, but in ((DIGEST, "digest report", "pipe", But.NOTHING),
                                       (PLAN, "save-plan report", "file", But.NOTHING),
                                       (REPORT, "report", "file", But.REPORT_IS_LOST)):
        m.use(options)
        m.row("file-open:1+:{error}", f"raw {output}", (1, f"{OUR}{path}: cannot be opened for w"), file=path, but=but,
              error=("EACCES", "ENOSPC", "EROFS", "EIO"))
    for m.is_old in False, True:
        m.use("digest report")
        m.row("file-ftruncate:1:EIO", "raw pipe", (1, f"{OUR}{DIGEST}: write failed: input"), file=DIGEST)
        m.use("save-plan report")
        m.row("file-write:>{n}:{error}", "raw file", (1, f"{OUR}{PLAN}: write fail"), file=PLAN, n=(0, 1, 100),
              error=("ENOSPC", "EIO"))
        m.row("file-close:1:{error}", "compress pipe", (1, f"{OUR}{PLAN}: close failed: "), file=PLAN, error=NO_ROOM)
    m.is_old = False
    m.use("flush digest")
    m.row("", "raw pipe", (1, "standard output: cannot be flushed: "), "what cannot be flushed, {options}")
    m.but = But.NOTHING
    after_the_image(m)
    survived(m)
    # A real file system that is full.
    if m.mount("a full file system", "full", "size=4k,nr_inodes=2"):
        pathlib.Path("full/all").touch()
        for name, word in ("sum", "--digest sha256=full/sum"), ("plan", "--save-plan full/plan"):
            m.option_words[f"new-{name}-there"] = word.split()
            m.use(f"new-{name}-there report")
            m.row("", "raw pipe", (1, f"full/{name}: cannot be [a-z ]+: no space left"), "a full file system, {options}")


def after_the_image(m):
    unreliable = "; all [0-9]+ bytes were written, but do not rely on them$"
    m.but = But.ALL_IS_WRITTEN
    m.use("digest report progress")
    for m.is_old in False, True:
        m.row("file-write:>{n}:{error}", "raw file", (1, f"{OUR}{DIGEST}: write failed: .*{unreliable}"), file=DIGEST,
              n=(0, 1, 70), error=NO_ROOM)
        m.row("file-close:1:{error}", "raw pipe", (1, f"{OUR}{DIGEST}: close failed: .*{unreliable}"), file=DIGEST,
              error=NO_ROOM)
    m.is_old = False
    m.option_words["second"] = ["--digest", "md5=beside/second"]
    m.use("digest second report")
    m.row("file-write:>9:ENOSPC", "raw file", (1, "beside/second: write failed: no space"), file="beside/second")
    m.row("file-close:1:EIO", "raw file", (1, "beside/second: close failed: input/output error"), file="beside/second")
    m.option_words["in-one-file"] = ["--digest", f"md5={DIGEST}"]
    m.use("in-one-file digest report")
    m.row("file-write:>50:ENOSPC", "raw file", (1, f"{DIGEST}: write failed: no space"), file=DIGEST)
    m.use("flush digest report")
    written = "; all [0-9]+ bytes were w"
    m.row("fsync:2:EIO", "raw file", (1, f"standard output: flush failed: input/output error{written}"),
          "fsync:2:EIO, {options}")
    m.row("fsync:2:ENOSPC", "compress file", (1, f"standard output: flush failed: no space left on device{written}"),
          "fsync:2:ENOSPC, {options}")
    m.but = But.NOTHING
    m.row("fsync:1:{error}", "raw file", (1, "standard output: flush failed: .*; output is incomplete"),
          "fsync:1:{error}, {options}", error=NO_ROOM)


def survived(m):
    # A report that cannot be written does not spoil the image.
    m.use("report digest")
    m.row("file-{fault}", "raw pipe", SURVIVED, file=REPORT, but=But.REPORT_IS_LOST,
          fault=("write:1+:ENOSPC", "write:2+:EIO", "write:>700:ENOSPC", "close:1:EIO"))
    # Nor does progress that nobody sees.
    m.use("progress digest")
    lines, m.lines_go_to = m.lines_go_to, "/dev/full"
    m.row("", "raw file", SURVIVED, "/dev/full, progress")
    m.lines_go_to = lines
    m.use(FILES)
    for path in DIGEST, PLAN, REPORT:
        m.row("file-write:1+:storm", "raw pipe", SURVIVED, file=path)
        m.row("file-write:1+:short", "raw file", SURVIVED, file=path)
    m.use("flush digest report")
    m.row("fsync:1+:storm", "raw file", SURVIVED, "fsync:1+:storm, {options}")
