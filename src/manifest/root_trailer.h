// SPDX-License-Identifier: GPL-2.0-or-later
//
// The last 512 bytes of an image that has its root (docs/format.md). No cluster of it holds them,
// so a program that writes to the image overwrites them or leaves a root that is no longer right.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "qcow2stream/root.h"

namespace qcow2stream {

inline constexpr std::size_t kRootTrailerSize = 512;

struct RootTrailer {
  std::uint64_t length = 0;  // of the content
  ContentDigest root{};
  std::optional<ContentDigest> parent;
};

std::array<std::byte, kRootTrailerSize> encode_root_trailer(const RootTrailer& trailer);

// Nothing if the bytes, of which there must be kRootTrailerSize, are no trailer or a damaged one.
std::optional<RootTrailer> decode_root_trailer(std::span<const std::byte> bytes);

}  // namespace qcow2stream
