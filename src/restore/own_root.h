// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "manifest/root_trailer.h"
#include "qcow2/header.h"
#include "qcow2stream/proof.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// What an image says of its content, while it arrives. Belongs to one thread.
class OwnRoot {
 public:
  OwnRoot() = default;
  explicit OwnRoot(const qcow2::Header& header);

  // These bytes of the image have come; each once.
  void pass(HostOffset at, std::span<const std::byte> bytes);

  // What was said by now. Nothing where the image says nothing.
  [[nodiscard]] std::optional<ImageRoots> roots() const;
  // Of the trailer, in bytes; 0 where none has come.
  [[nodiscard]] std::uint64_t trailer_size() const;

 private:
  [[nodiscard]] std::optional<RootTrailer> trailer() const;

  std::optional<qcow2::RootExtension> says_;
  std::uint64_t length_ = 0;  // of the disk, in bytes
  std::array<std::byte, kRootTrailerSize> bytes_{};
  std::uint64_t came_ = 0;  // how many of them
};

}  // namespace qcow2stream
