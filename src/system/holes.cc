// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/holes.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>

namespace qcow2stream {
namespace {

// Whether the file has no other space than such that was reserved and never written (fallocate), as
// far as its first extents tell. That reads as zeros, so the file system is right to call it holes.
bool has_reserved_space_only(int fd) {
  constexpr unsigned kExtents = 64;
  alignas(fiemap) std::array<std::byte, sizeof(fiemap) + kExtents * sizeof(fiemap_extent)> buffer{};
  auto* question = reinterpret_cast<fiemap*>(buffer.data());
  question->fm_length = FIEMAP_MAX_OFFSET;
  question->fm_extent_count = kExtents;
  if (::ioctl(fd, FS_IOC_FIEMAP, question) != 0) return false;
  const auto* extents = reinterpret_cast<const fiemap_extent*>(buffer.data() + sizeof(fiemap));
  const std::span found(extents, std::min(question->fm_mapped_extents, kExtents));
  return std::ranges::all_of(found, [](const fiemap_extent& extent) {
    return (extent.fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0;
  });
}

// A block of this size may hold attributes or the like instead of content.
constexpr std::uint64_t kLeastSpace = 4096;

}  // namespace

std::optional<std::uint64_t> seek_run(int fd, std::uint64_t at, std::uint64_t size, int whence) {
  const off_t found = ::lseek(fd, static_cast<off_t>(at), whence);
  if (found < 0) return errno == ENXIO ? std::optional(size) : std::nullopt;
  const auto place = static_cast<std::uint64_t>(found);
  return place >= at && place <= size ? std::optional(place) : std::nullopt;
}

HoleAnswers probe_holes(int fd, std::uint64_t size) {
  const auto data = seek_run(fd, 0, size, SEEK_DATA);
  if (!data) return HoleAnswers::kNone;
  if (*data < size) {
    const auto hole = seek_run(fd, *data, size, SEEK_HOLE);
    return hole && *hole > *data ? HoleAnswers::kUsable : HoleAnswers::kNone;
  }
  struct stat status {};
  if (size == 0 || ::fstat(fd, &status) != 0) return HoleAnswers::kUsable;
  const std::uint64_t space = static_cast<std::uint64_t>(status.st_blocks) * 512;
  const bool is_odd = space > kLeastSpace && !has_reserved_space_only(fd);
  return is_odd ? HoleAnswers::kDoubtful : HoleAnswers::kUsable;
}

}  // namespace qcow2stream
