// SPDX-License-Identifier: GPL-2.0-or-later

#include <cassert>
#include <utility>

#include "manifest/content_hash.h"
#include "manifest/content_tree.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream {

static_assert(kFewestChunkBits == content_tree::kLeafBits);
static_assert(kMostChunkBits == content_tree::kMostChunkBits);

struct ChunkHasher::State {
  unsigned level;
  ContentHash hash;
};

ChunkHasher::ChunkHasher(unsigned chunk_bits)
    : state_(new State{.level = chunk_bits - content_tree::kLeafBits}) {
  assert(content_tree::is_chunk_bits(chunk_bits));
}
ChunkHasher::~ChunkHasher() = default;
ChunkHasher::ChunkHasher(ChunkHasher&&) noexcept = default;

ContentDigest ChunkHasher::digest(std::span<const std::byte> bytes) {
  return state_->hash.node_of_bytes(bytes, state_->level);
}

bool ChunkHasher::is_zeros(const ContentDigest& digest) const {
  return digest == zero_digest(state_->level);
}

std::uint64_t chunk_count(std::uint64_t length, unsigned chunk_bits) {
  return content_tree::nodes_in(length, chunk_bits);
}

GuestRange chunk_range(std::uint64_t chunk, std::uint64_t length, unsigned chunk_bits) {
  return content_tree::range_of_node(chunk, chunk_bits, length);
}

}  // namespace qcow2stream
