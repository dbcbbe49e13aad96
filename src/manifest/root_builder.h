// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <array>
#include <cstdint>

#include "manifest/content_hash.h"
#include "manifest/content_tree.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream {

// Makes the root of nodes of one level that come in order from the first on. Takes 48 digests of
// memory, and for a run of zeros no more than that many steps. Belongs to one thread.
class RootBuilder {
 public:
  // `bits`: a node has 2^bits bytes.
  explicit RootBuilder(unsigned bits) : level_(bits - content_tree::kLeafBits) {}

  void append(const ContentDigest& digest) { carry(digest, 0); }
  // Together with all before them at most as many as the tree has.
  void append_zeros(std::uint64_t count);
  // Zeros follow to the end of the tree. No call may follow.
  ContentDigest finish(std::uint64_t length);

 private:
  // Adds 2^above nodes, whose common digest this is; their number divides the position.
  void carry(ContentDigest digest, unsigned above);

  const unsigned level_;
  ContentHash hash_;
  std::uint64_t position_ = 0;  // how many nodes there were
  // Bit n of the position says whether the last 2^n of these, as one node, wait for a right one.
  std::array<ContentDigest, content_tree::kTopLevel + 1> waiting_{};
};

}  // namespace qcow2stream
