// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a file system says of a file's holes (lseek with SEEK_DATA and SEEK_HOLE), and how far it
// can be believed. Network and FUSE file systems have answered with errors for files that read
// well, with the offset that they were asked with, and with offsets behind the end. A range of
// which nothing sensible is said is taken for data, as qemu-img does.

#pragma once

#include <cstdint>
#include <optional>

namespace qcow2stream {

// What the file system's first answer is worth.
enum class HoleAnswers {
  kUsable,
  kNone,      // it is an error or makes no sense, so everything is data
  kDoubtful,  // it says that there is no data at all, but the file takes space for written data
};

// Asks about the beginning of the file `fd` of `size` bytes. Moves the position of `fd`.
HoleAnswers probe_holes(int fd, std::uint64_t size);

// Where data or a hole (`whence`: SEEK_DATA or SEEK_HOLE) begins in the file `fd` of `size` bytes,
// at or behind `at`; `size` if none follows. Nothing if the answer is an error, or a place before
// `at` or behind the end. Moves the position of `fd`.
std::optional<std::uint64_t> seek_run(int fd, std::uint64_t at, std::uint64_t size, int whence);

}  // namespace qcow2stream
