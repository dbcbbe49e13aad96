// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "manifest/content_hash.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Hashes content that comes in ascending order; what is left out is zeros. No chunk may come in
// parts to two streams. Belongs to one thread.
class ChunkStream {
 public:
  // Sets chunks in `builder`, which must outlive it.
  explicit ChunkStream(ManifestBuilder& builder);

  // Fastest for whole leaves.
  void add(GuestOffset at, std::span<const std::byte> bytes);
  // The last chunk is complete. What follows is of another one.
  void finish();

 private:
  void turn_to(std::uint64_t leaf);
  void end_leaf();
  void append(std::uint64_t leaf, const ContentDigest& digest);

  ManifestBuilder& builder_;
  const unsigned level_;
  ContentHash hash_;
  std::optional<std::uint64_t> chunk_;  // that is not complete
  std::vector<ContentDigest> leaves_;   // its first ones
  std::optional<std::uint64_t> leaf_;   // that is not complete
  std::vector<std::byte> bytes_;        // its first ones
};

}  // namespace qcow2stream
