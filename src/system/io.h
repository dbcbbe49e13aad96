// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads and writes that go on where the kernel stops early: after a signal, or after a part of what
// was asked for.

#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

namespace qcow2stream {

// Makes a system call again for as long as a signal interrupts it. Returns what the call returns,
// and leaves errno as the call left it.
template <class Call>
auto uninterrupted(const Call& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

// How far a read or a write came.
struct Moved {
  std::size_t bytes = 0;
  int error = 0;  // of the system; 0 where there was none
};

// These move all of `bytes`, unless an error ends them, or a read comes to the end of the file:
// then fewer bytes were moved and there is no error. Descriptors that do not block end them with
// EAGAIN; a write that takes nothing and gives no reason ends them with EIO.
Moved read_full(int fd, std::span<std::byte> bytes);
Moved read_full_at(int fd, std::uint64_t offset, std::span<std::byte> bytes);
Moved write_full(int fd, std::span<const std::byte> bytes);
Moved write_full_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes);

}  // namespace qcow2stream
