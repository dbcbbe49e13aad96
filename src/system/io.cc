// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/io.h"

#include <unistd.h>

namespace qcow2stream {
namespace {

// `call(at)` moves some of what lies from the byte `at` on.
template <class Call>
Moved move_full(std::size_t size, const Call& call) {
  Moved moved;
  while (moved.bytes < size) {
    const ssize_t n = uninterrupted([&] { return call(moved.bytes); });
    if (n < 0) moved.error = errno;
    if (n <= 0) break;
    moved.bytes += static_cast<std::size_t>(n);
  }
  return moved;
}

// Without an error number the caller would take a write that stopped early for a complete one.
Moved checked(Moved moved, std::size_t size) {
  if (moved.bytes < size && moved.error == 0) moved.error = EIO;
  return moved;
}

}  // namespace

Moved read_full(int fd, std::span<std::byte> bytes) {
  return move_full(bytes.size(), [&](std::size_t at) {
    const auto rest = bytes.subspan(at);
    return ::read(fd, rest.data(), rest.size());
  });
}

Moved read_full_at(int fd, std::uint64_t offset, std::span<std::byte> bytes) {
  return move_full(bytes.size(), [&](std::size_t at) {
    const auto rest = bytes.subspan(at);
    return ::pread(fd, rest.data(), rest.size(), static_cast<off_t>(offset + at));
  });
}

Moved write_full(int fd, std::span<const std::byte> bytes) {
  const Moved moved = move_full(bytes.size(), [&](std::size_t at) {
    const auto rest = bytes.subspan(at);
    return ::write(fd, rest.data(), rest.size());
  });
  return checked(moved, bytes.size());
}

Moved write_full_at(int fd, std::uint64_t offset, std::span<const std::byte> bytes) {
  const Moved moved = move_full(bytes.size(), [&](std::size_t at) {
    const auto rest = bytes.subspan(at);
    return ::pwrite(fd, rest.data(), rest.size(), static_cast<off_t>(offset + at));
  });
  return checked(moved, bytes.size());
}

}  // namespace qcow2stream
