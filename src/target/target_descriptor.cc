// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/target_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "system/io.h"
#include "system/tell.h"
#include "target/target_errors.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kZerosWritten = 256 << 10;

}  // namespace

TargetDescriptor::TargetDescriptor(UniqueFd fd, std::string name)
    : fd_(std::move(fd)), name_(std::move(name)) {}

void TargetDescriptor::read(GuestOffset offset, std::span<std::byte> buffer) const {
  const Moved moved = read_full_at(get(), offset.value(), buffer);
  if (moved.error != 0) throw_target_read_error(name_, offset + moved.bytes, moved.error);
  if (moved.bytes < buffer.size()) {
    throw_target_error(name_, "read failed", "it has become shorter");
  }
}

void TargetDescriptor::write(GuestOffset offset, std::span<const std::byte> bytes) const {
  const Moved moved = write_full_at(get(), offset.value(), bytes);
  if (moved.bytes < bytes.size()) throw_write_error(name_, offset + moved.bytes, moved.error);
  write_back_.wrote(get(), bytes.size());
}

void TargetDescriptor::write_zeros(GuestRange range) const {
  static const std::vector<std::byte> zeros(kZerosWritten);
  while (range.length != 0) {
    const GuestRange piece = range.take_front(kZerosWritten);
    write(piece.begin, std::span(zeros).first(piece.length));
  }
}

void TargetDescriptor::flush() const {
  if (uninterrupted([&] { return ::fsync(get()); }) != 0) {
    throw_target_error(name_, "flush failed", errno);
  }
}

void TargetDescriptor::drop_cache() const {
  flush();  // only what is clean can be dropped
  const int error = ::posix_fadvise(get(), 0, 0, POSIX_FADV_DONTNEED);
  if (error != 0) tell(name_, "POSIX_FADV_DONTNEED", error, "it is read through the page cache");
}

}  // namespace qcow2stream
