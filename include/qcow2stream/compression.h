// SPDX-License-Identifier: GPL-2.0-or-later
//
// How clusters are compressed.

#pragma once

#include <cstdint>
#include <optional>

namespace qcow2stream {

// How compressed clusters are encoded (compression_type of the specification).
enum class CompressionType {
  kZlib,  // raw deflate (RFC 1951); every reader
  kZstd,  // one zstd frame a cluster; version 3, incompatible feature bit 3
};

struct Compression {
  CompressionType type = CompressionType::kZlib;
  // From the least to the most effort, within compression_levels(); nothing means its `normal`.
  std::optional<int> level;
  // How far a deflate stream refers back, in bytes: 4096, which is what QEMU promises to its
  // decoder, or 32768, which every known reader decodes too and none promises to.
  std::uint32_t deflate_window = 4096;
};

// The levels of a type, for a window of `deflate_window` bytes.
struct CompressionLevels {
  int least = 0;
  int most = 0;
  int normal = 0;
};
CompressionLevels compression_levels(CompressionType type, std::uint32_t deflate_window);

}  // namespace qcow2stream
