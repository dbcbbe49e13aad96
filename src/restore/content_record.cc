// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/content_record.h"

#include <algorithm>
#include <utility>

#include "manifest/content_tree.h"

namespace qcow2stream {
namespace {

using content_tree::kLeafBits;
using content_tree::kLeafSize;

// Bytes that chunks which are not complete may take. An image that was written in the order of the
// disk needs a few leaves.
constexpr std::uint64_t kMostOpen = 64 << 20;

// What an entry of the table of open chunks takes, about.
constexpr std::uint64_t kEntry = 256;

}  // namespace

ContentRecord::ContentRecord(std::uint64_t length, unsigned chunk_bits, Before before)
    : content_(std::make_shared<ManifestBuilder>(length, chunk_bits)),
      knows_by_default_(before == Before::kZeros),
      is_blank_(true) {}

ContentRecord::ContentRecord(std::shared_ptr<ManifestBuilder> content)
    : content_(std::move(content)), knows_by_default_(true), is_blank_(false) {}

void ContentRecord::resize(std::uint64_t length) {
  const std::uint64_t old_length = content_->length();
  if (length == old_length) return;
  const unsigned bits = content_->chunk_bits();
  content_ = std::make_shared<ManifestBuilder>(content_->resized(length));
  if (length > old_length) return;
  const std::uint64_t end = chunk_count(length, bits);
  others_.erase(end, chunk_count(old_length, bits));
  // What is cut in two has another digest, unless it is zeros.
  const std::uint64_t whole = length >> bits;
  if (whole < end && content_->digest(whole) != zero_digest(bits - kLeafBits)) {
    set_known(whole, false);
  }
}

// Calls part(chunk, range) for what lies in each chunk.
template <class Part>
void ContentRecord::divide(GuestRange range, const Part& part) {
  const unsigned bits = content_->chunk_bits();
  const std::uint64_t size = std::uint64_t{1} << bits;
  while (range.length > 0) {
    const std::uint64_t chunk = range.begin.value() >> bits;
    part(chunk, range.take_front(size - range.begin.value() % size));
  }
}

void ContentRecord::data(ContentHash& hash, GuestOffset at, std::span<const std::byte> bytes) {
  divide({at, bytes.size()}, [&](std::uint64_t chunk, GuestRange range) {
    const std::span part = bytes.subspan(range.begin - at, range.length);
    if (range == chunk_range(chunk, content_->length(), content_->chunk_bits())) {
      set(chunk, hash.node_of_bytes(part, content_->chunk_bits() - kLeafBits));
    } else {
      part_of_chunk(hash, chunk, range, part.data());
    }
  });
}

void ContentRecord::zeros(ContentHash& hash, GuestRange range) {
  const ContentDigest& zeros = zero_digest(content_->chunk_bits() - kLeafBits);
  const unsigned bits = content_->chunk_bits();
  if (knows_by_default_) {
    // Whole chunks need not be gone through.
    const std::uint64_t size = std::uint64_t{1} << bits;
    const GuestRange front = range.first((size - range.begin.value() % size) % size);
    const GuestRange rest = range.without_first(front.length);
    const std::uint64_t tail = rest.end().value() == content_->length() ? 0 : rest.length % size;
    if (front.length > 0) {
      divide(front, [&](std::uint64_t chunk, GuestRange part) {
        part_of_chunk(hash, chunk, part, nullptr);
      });
    }
    if (tail > 0) {
      part_of_chunk(hash, (rest.end() - tail).value() >> bits, {rest.end() - tail, tail}, nullptr);
    }
    if (!is_blank_) {
      const std::uint64_t first = rest.begin.value() >> bits;
      set_zeros(first, first + chunk_count(rest.length - tail, bits));
    }
    return;
  }
  divide(range, [&](std::uint64_t chunk, GuestRange part) {
    if (part == chunk_range(chunk, content_->length(), bits)) {
      set(chunk, zeros);
    } else {
      part_of_chunk(hash, chunk, part, nullptr);
    }
  });
}

bool ContentRecord::has_room(std::uint64_t more) const {
  return memory_ + more <= kMostOpen;
}

// `bytes` is null for zeros.
void ContentRecord::part_of_chunk(ContentHash& hash, std::uint64_t chunk, GuestRange range,
                                  const std::byte* bytes) {
  const unsigned level = content_->chunk_bits() - kLeafBits;
  const GuestRange whole = chunk_range(chunk, content_->length(), content_->chunk_bits());
  const std::uint64_t leaves = content_tree::nodes_in(whole.length, kLeafBits);

  // Whole leaves are hashed before anybody has to wait.
  struct WholeLeaf {
    std::uint64_t leaf;
    ContentDigest digest;
  };
  std::vector<WholeLeaf> hashed;
  std::vector<std::pair<std::uint64_t, GuestRange>> parts;
  for (GuestRange rest = range; rest.length > 0;) {
    const std::uint64_t in_chunk = rest.begin - whole.begin;
    const std::uint64_t leaf = in_chunk / kLeafSize;
    const std::uint64_t leaf_length = std::min(kLeafSize, whole.length - leaf * kLeafSize);
    const GuestRange part = rest.take_front(kLeafSize - in_chunk % kLeafSize);
    if (part.length < leaf_length) {
      parts.emplace_back(leaf, part);
    } else if (bytes != nullptr) {
      hashed.push_back({leaf, hash.leaf({bytes + (part.begin - range.begin), part.length})});
    }
  }

  std::vector<ContentDigest> complete;
  {
    const std::lock_guard lock(mutex_);
    if (given_up_.contains(chunk)) return;
    const std::uint64_t digests = leaves * sizeof(ContentDigest) + kEntry;
    auto found = open_.find(chunk);
    // What has begun may be completed.
    const auto is_new = [&](const auto& part) { return !found->second.parts.contains(part.first); };
    const std::uint64_t new_parts =
        found == open_.end() ? parts.size()
                             : static_cast<std::uint64_t>(std::ranges::count_if(parts, is_new));
    const std::uint64_t needed =
        (found == open_.end() ? digests : 0) + new_parts * (kLeafSize + kEntry);
    if (needed > 0 && !has_room(needed)) {
      given_up_.insert(chunk);
      if (found != open_.end()) {
        memory_ -= digests + found->second.parts.size() * (kLeafSize + kEntry);
        open_.erase(found);
      }
      return;
    }
    if (found == open_.end()) {
      found = open_.emplace(chunk, Chunk()).first;
      found->second.leaves.resize(leaves, zero_digest(0));
      memory_ += digests;
    }
    Chunk& open = found->second;
    for (const WholeLeaf& leaf : hashed) open.leaves[leaf.leaf] = leaf.digest;
    for (const auto& [leaf, part] : parts) {
      fill_leaf(hash, open, leaf, part,
                bytes == nullptr ? nullptr : bytes + (part.begin - range.begin));
    }
    open.filled += range.length;
    if (open.filled < whole.length) return;
    complete = std::move(open.leaves);
    memory_ -= digests;
    open_.erase(found);
  }
  set(chunk, hash.node(complete, 0, level));
}

// A part of it has come. What is not written of its bytes is zeros.
void ContentRecord::fill_leaf(ContentHash& hash, Chunk& open, std::uint64_t leaf, GuestRange range,
                              const std::byte* bytes) {
  auto [found, is_new] = open.parts.try_emplace(leaf);
  Leaf& part = found->second;
  if (is_new) {
    part.bytes.resize(kLeafSize);
    memory_ += kLeafSize + kEntry;
  }
  const std::uint64_t in_leaf = range.begin.value() % kLeafSize;
  if (bytes != nullptr) std::copy_n(bytes, range.length, &part.bytes[in_leaf]);
  part.filled += range.length;
  const std::uint64_t begin = range.begin.value() - in_leaf;
  if (part.filled < std::min(kLeafSize, content_->length() - begin)) return;
  open.leaves[leaf] = hash.leaf(part.bytes);
  open.parts.erase(found);
  memory_ -= kLeafSize + kEntry;
}

void ContentRecord::set(std::uint64_t chunk, const ContentDigest& digest) {
  content_->set(chunk, digest);
  const std::lock_guard lock(mutex_);
  set_known(chunk, true);
}

void ContentRecord::set_zeros(std::uint64_t first, std::uint64_t end) {
  content_->set_zeros(first, end);
  const std::lock_guard lock(mutex_);
  others_.erase(first, end);
}

void ContentRecord::set_known(std::uint64_t chunk, bool known) {
  if (known == knows_by_default_) {
    others_.erase(chunk);
  } else {
    others_.insert(chunk);
  }
}

void ContentRecord::learn(std::uint64_t chunk, const ContentDigest& digest) {
  set(chunk, digest);
}

void ContentRecord::end_image() {
  for (const auto& [chunk, parts] : open_) set_known(chunk, false);
  given_up_.for_each([&](std::uint64_t chunk) { set_known(chunk, false); });
  open_.clear();
  given_up_.clear();
  memory_ = 0;
  is_blank_ = false;
}

}  // namespace qcow2stream
