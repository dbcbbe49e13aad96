// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace qcow2stream::cli {

// What a mounted file holds. Its size is constant; several threads may read at the same time.
class FileContent {
 public:
  virtual ~FileContent() = default;
  // In bytes.
  [[nodiscard]] virtual std::uint64_t size() const = 0;
  // Fills `buffer` with the bytes from `offset`; the range must lie within size(). Throws Error
  // where they cannot be had, kChanged where they are not what they were: then no other read can
  // succeed either.
  virtual void read(std::uint64_t offset, std::span<std::byte> buffer) const = 0;
  // Says that such a range, which may end behind size(), will be read soon. Does not wait for it.
  virtual void will_read(std::uint64_t offset, std::uint64_t length) const noexcept = 0;
};

}  // namespace qcow2stream::cli
