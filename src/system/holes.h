// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a file system says of a file's holes (lseek with SEEK_DATA and SEEK_HOLE), and how far it
// can be believed. Network and FUSE file systems have answered with errors for files that read
// well, with the offset that they were asked with, and with offsets behind the end. A range of
// which nothing sensible is said is taken for data, as qemu-img does.

#pragma once

#include <cstdint>
#include <memory>

#include "qcow2stream/run.h"

namespace qcow2stream {

// What the file system's first answer is worth.
enum class HoleAnswers {
  kUsable,
  kNone,      // it is an error or makes no sense, so everything is data
  kDoubtful,  // it says that there is no data at all, but the file takes space for written data
};

// Asks about the beginning of the file `fd` of `size` bytes. Moves the position of `fd`.
HoleAnswers probe_holes(int fd, std::uint64_t size);

// The runs of `range`, a part of the file `fd` of `size` bytes, with their places. Moves the
// position of `fd`, which nobody else may use meanwhile. The walk never stands still and never
// leaves the range.
std::unique_ptr<RunCursor> file_runs(int fd, std::uint64_t size, GuestRange range);

}  // namespace qcow2stream
