// SPDX-License-Identifier: GPL-2.0-or-later
//
// The shape of the tree whose root stands for a disk's content. Pure arithmetic, nothing is hashed
// here.
//
// The tree has 2^48 leaves of 64 KiB, so it covers every disk there can be: what lies behind the
// disk's end is zeros. Since it is always the same tree, no rule is needed for a size that is no
// power of two, a node stands for the same bytes in a disk that has grown, and a chunk is one node.
// It costs nothing: a subtree of zeros has the same digest wherever it is.

#pragma once

#include <cstdint>

#include "qcow2stream/types.h"

namespace qcow2stream::content_tree {

inline constexpr unsigned kLeafBits = 16;
inline constexpr std::uint64_t kLeafSize = 1ULL << kLeafBits;

// The level of the leaves is 0, that of the node above all of them is this.
inline constexpr unsigned kTopLevel = 64 - kLeafBits;

inline constexpr unsigned kMostChunkBits = 24;

constexpr bool is_chunk_bits(std::uint64_t bits) {
  return bits >= kLeafBits && bits <= kMostChunkBits;
}

// In how many nodes of 2^bits bytes the content lies. The last one may go on behind its end.
constexpr std::uint64_t nodes_in(std::uint64_t length, unsigned bits) {
  return (length >> bits) + ((length & ((1ULL << bits) - 1)) != 0 ? 1 : 0);
}

// The bytes of node number `node`, clipped to the content. It must be one of nodes_in().
constexpr GuestRange range_of_node(std::uint64_t node, unsigned bits, std::uint64_t length) {
  const std::uint64_t begin = node << bits;
  return GuestRange{GuestOffset(begin), length - begin}.first(1ULL << bits);
}

}  // namespace qcow2stream::content_tree
