// SPDX-License-Identifier: GPL-2.0-or-later
//
// The digests of the tree (content_tree.h). Each kind of node is hashed with another first byte, so
// that none can be taken for one of another kind:
//
//   a leaf of zeros   SHA-256(02)
//   another leaf      SHA-256(00 || its 64 KiB)
//   an inner node     SHA-256(01 || left digest || right digest)
//   the root          SHA-256(03 || length, 8 bytes, big-endian || digest of the topmost node)

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "digest/sha256.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream {

// The digest of a node under which there are zeros only. `level` is at most
// content_tree::kTopLevel.
const ContentDigest& zero_digest(unsigned level);

// Belongs to one thread at a time. Throws Error where OpenSSL fails.
class ContentHash {
 public:
  // At most 64 KiB; zeros follow up to that.
  ContentDigest leaf(std::span<const std::byte> bytes);
  ContentDigest inner(const ContentDigest& left, const ContentDigest& right);
  // The node of level `to` above these nodes of level `from`; behind them follow zeros.
  ContentDigest node(std::span<const ContentDigest> nodes, unsigned from, unsigned to);
  // The node of `level` over these bytes; zeros follow. At most 64 KiB * 2^level.
  ContentDigest node_of_bytes(std::span<const std::byte> bytes, unsigned level);
  ContentDigest root(std::uint64_t length, const ContentDigest& top);

 private:
  Sha256 hash_;
};

}  // namespace qcow2stream
