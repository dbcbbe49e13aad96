// SPDX-License-Identifier: GPL-2.0-or-later

#include "manifest/chunk_stream.h"

#include <algorithm>
#include <cassert>

#include "manifest/content_tree.h"

namespace qcow2stream {

namespace {

using content_tree::kLeafBits;
using content_tree::kLeafSize;

}  // namespace

ChunkStream::ChunkStream(ManifestBuilder& builder)
    : builder_(builder), level_(builder.chunk_bits() - kLeafBits) {}

void ChunkStream::add(GuestOffset at, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::uint64_t leaf = at.value() >> kLeafBits;
    const std::size_t in_leaf = at.value() % kLeafSize;
    const auto part = bytes.first(std::min<std::size_t>(kLeafSize - in_leaf, bytes.size()));
    turn_to(leaf);
    if (part.size() == kLeafSize) {
      append(leaf, hash_.leaf(part));
      leaf_.reset();
    } else {
      assert(bytes_.size() <= in_leaf);
      bytes_.resize(in_leaf);
      bytes_.insert(bytes_.end(), part.begin(), part.end());
    }
    at += part.size();
    bytes = bytes.subspan(part.size());
  }
}

void ChunkStream::turn_to(std::uint64_t leaf) {
  if (leaf_ == leaf) return;
  end_leaf();
  if (chunk_ && *chunk_ != leaf >> level_) finish();
  chunk_ = leaf >> level_;
  leaf_ = leaf;
}

void ChunkStream::end_leaf() {
  if (!leaf_) return;
  append(*leaf_, hash_.leaf(bytes_));
  bytes_.clear();
  leaf_.reset();
}

void ChunkStream::append(std::uint64_t leaf, const ContentDigest& digest) {
  const std::uint64_t in_chunk = leaf - (*chunk_ << level_);
  assert(leaves_.size() <= in_chunk);
  leaves_.resize(in_chunk, zero_digest(0));
  leaves_.push_back(digest);
}

void ChunkStream::finish() {
  end_leaf();
  if (!chunk_) return;
  builder_.set(*chunk_, hash_.node(leaves_, 0, level_));
  chunk_.reset();
  leaves_.clear();
}

}  // namespace qcow2stream
