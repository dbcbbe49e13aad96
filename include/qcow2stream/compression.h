// SPDX-License-Identifier: GPL-2.0-or-later
//
// How clusters are compressed.

#pragma once

#include <cstdint>
#include <optional>

namespace qcow2stream {

// How compressed clusters are encoded: compression_type in the specification.
enum class CompressionType {
  kZlib,  // raw deflate (RFC 1951), which every reader knows
  kZstd,  // one zstd frame a cluster; needs version 3 and sets incompatible feature bit 3
};

struct Compression {
  CompressionType type = CompressionType::kZlib;
  // The effort, a number within compression_levels(). Nothing means its `normal`.
  std::optional<int> level;
  // How far a deflate stream refers back, in bytes. It is 4096, which is what QEMU promises to its
  // decoder, or 32768, which no reader promises to decode though every known one does.
  std::uint32_t deflate_window = 4096;
  // Nothing is compressed. Clusters that the disk holds compressed in this way, in clusters of the
  // image's size, go out as they are (Disk::stored_clusters()); all others are not compressed.
  bool keep = false;
};

// The levels of a type, for a window of `deflate_window` bytes.
struct CompressionLevels {
  int least = 0;
  int most = 0;
  int normal = 0;
};
CompressionLevels compression_levels(CompressionType type, std::uint32_t deflate_window);

}  // namespace qcow2stream
