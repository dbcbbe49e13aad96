// SPDX-License-Identifier: GPL-2.0-or-later

#include "manifest/content_hash.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "base/endian.h"
#include "base/zero.h"
#include "manifest/content_tree.h"

namespace qcow2stream {
namespace {

using content_tree::kLeafSize;
using content_tree::kTopLevel;

constexpr std::array kLeafMark = {std::byte{0}};
constexpr std::array kInnerMark = {std::byte{1}};
constexpr std::array kZeroMark = {std::byte{2}};
constexpr std::array kRootMark = {std::byte{3}};

constexpr std::array<std::byte, kLeafSize> kZeroLeaf{};

using DigestOfLevel = std::array<ContentDigest, kTopLevel + 1>;

DigestOfLevel make_zero_digests() {
  DigestOfLevel digests;
  Sha256 hash;
  hash.update(kZeroMark);
  digests.front() = hash.finish();
  ContentHash inner;
  for (std::size_t level = 1; level < digests.size(); ++level) {
    digests[level] = inner.inner(digests[level - 1], digests[level - 1]);
  }
  return digests;
}

}  // namespace

const ContentDigest& zero_digest(unsigned level) {
  static const DigestOfLevel digests = make_zero_digests();
  assert(level < digests.size());
  return digests[level];
}

ContentDigest ContentHash::leaf(std::span<const std::byte> bytes) {
  assert(bytes.size() <= kLeafSize);
  if (is_zero(bytes)) return zero_digest(0);
  hash_.begin();
  hash_.update(kLeafMark);
  hash_.update(bytes);
  hash_.update(std::span(kZeroLeaf).subspan(bytes.size()));
  return hash_.finish();
}

ContentDigest ContentHash::inner(const ContentDigest& left, const ContentDigest& right) {
  hash_.begin();
  hash_.update(kInnerMark);
  hash_.update(left);
  hash_.update(right);
  return hash_.finish();
}

ContentDigest ContentHash::node(std::span<const ContentDigest> nodes, unsigned from, unsigned to) {
  assert(from <= to && to <= kTopLevel && nodes.size() <= (std::size_t{1} << (to - from)));
  const ContentDigest& zeros = zero_digest(from);
  if (std::ranges::all_of(nodes, [&](const ContentDigest& d) { return d == zeros; })) {
    return zero_digest(to);
  }
  std::vector<ContentDigest> level(nodes.begin(), nodes.end());
  for (unsigned below = from; below < to; ++below) {
    if (level.size() % 2 != 0) level.push_back(zero_digest(below));
    for (std::size_t i = 0; i < level.size() / 2; ++i) {
      level[i] = inner(level[2 * i], level[2 * i + 1]);
    }
    level.resize(level.size() / 2);
  }
  return level.front();
}

ContentDigest ContentHash::node_of_bytes(std::span<const std::byte> bytes, unsigned level) {
  std::vector<ContentDigest> leaves;
  while (!bytes.empty()) {
    const auto first = bytes.first(std::min<std::size_t>(kLeafSize, bytes.size()));
    leaves.push_back(leaf(first));
    bytes = bytes.subspan(first.size());
  }
  return node(leaves, 0, level);
}

ContentDigest ContentHash::root(std::uint64_t length, const ContentDigest& top) {
  std::array<std::byte, sizeof length> bytes{};
  store_big(bytes.data(), length);
  hash_.begin();
  hash_.update(kRootMark);
  hash_.update(bytes);
  hash_.update(top);
  return hash_.finish();
}

}  // namespace qcow2stream
