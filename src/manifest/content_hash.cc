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

ContentDigest ContentHash::node(std::span<const ContentDigest> leaves, unsigned level) {
  assert(level <= kTopLevel && leaves.size() <= (std::size_t{1} << level));
  if (std::ranges::all_of(leaves, [](const ContentDigest& d) { return d == zero_digest(0); })) {
    return zero_digest(level);
  }
  std::vector<ContentDigest> nodes(leaves.begin(), leaves.end());
  for (unsigned below = 0; below < level; ++below) {
    if (nodes.size() % 2 != 0) nodes.push_back(zero_digest(below));
    for (std::size_t i = 0; i < nodes.size() / 2; ++i) {
      nodes[i] = inner(nodes[2 * i], nodes[2 * i + 1]);
    }
    nodes.resize(nodes.size() / 2);
  }
  return nodes.front();
}

ContentDigest ContentHash::node_of_bytes(std::span<const std::byte> bytes, unsigned level) {
  std::vector<ContentDigest> leaves;
  while (!bytes.empty()) {
    const auto first = bytes.first(std::min<std::size_t>(kLeafSize, bytes.size()));
    leaves.push_back(leaf(first));
    bytes = bytes.subspan(first.size());
  }
  return node(leaves, level);
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
