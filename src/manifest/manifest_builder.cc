// SPDX-License-Identifier: GPL-2.0-or-later

#include <algorithm>
#include <array>
#include <cassert>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "manifest/content_tree.h"
#include "manifest/left_out_pages.h"
#include "manifest/pages.h"
#include "manifest/root_builder.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream {
namespace {

using manifest::RunKind;

// Chunks whose digests are allocated at once.
constexpr std::uint64_t kBlock = 128;

struct Block {
  std::array<RunKind, kBlock> kinds{};
  std::array<ContentDigest, kBlock> digests{};
};

}  // namespace

struct ManifestBuilder::State {
  const std::uint64_t length;
  const unsigned chunk_bits;
  const ContentDigest zeros = zero_digest(chunk_bits - content_tree::kLeafBits);
  mutable std::mutex mutex;
  std::map<std::uint64_t, std::unique_ptr<Block>> blocks;  // those that have data

  // Calls `data` for each chunk with data and `zeros` for each run of zeros, in order.
  template <class Data, class Zeros>
  void walk(const Data& data, const Zeros& append_zeros) const {
    std::uint64_t at = 0;
    for (const auto& [number, block] : blocks) {
      for (std::uint64_t i = 0; i < kBlock; ++i) {
        const RunKind kind = block->kinds.at(i);
        if (kind == RunKind::kZeros) continue;
        const std::uint64_t chunk = number * kBlock + i;
        if (chunk > at) append_zeros(chunk - at);
        data(kind, block->digests.at(i));
        at = chunk + 1;
      }
    }
    const std::uint64_t end = chunk_count(length, chunk_bits);
    if (end > at) append_zeros(end - at);
  }
};

ManifestBuilder::ManifestBuilder(std::uint64_t length, unsigned chunk_bits)
    : state_(new State{.length = length, .chunk_bits = chunk_bits}) {
  assert(length % 512 == 0 && content_tree::is_chunk_bits(chunk_bits));
}
ManifestBuilder::~ManifestBuilder() = default;
ManifestBuilder::ManifestBuilder(ManifestBuilder&&) noexcept = default;

std::uint64_t ManifestBuilder::length() const {
  return state_->length;
}

unsigned ManifestBuilder::chunk_bits() const {
  return state_->chunk_bits;
}

void ManifestBuilder::set(std::uint64_t chunk, const ContentDigest& digest, bool inherited) {
  assert(chunk < chunk_count(state_->length, state_->chunk_bits));
  const std::lock_guard lock(state_->mutex);
  const bool zeros = digest == state_->zeros;
  auto at = state_->blocks.find(chunk / kBlock);
  if (at == state_->blocks.end()) {
    if (zeros) return;
    at = state_->blocks.emplace(chunk / kBlock, std::make_unique<Block>()).first;
  }
  Block& block = *at->second;
  block.digests.at(chunk % kBlock) = digest;
  block.kinds.at(chunk % kBlock) = zeros       ? RunKind::kZeros
                                   : inherited ? RunKind::kInherited
                                               : RunKind::kData;
}

ContentDigest ManifestBuilder::digest(std::uint64_t chunk) const {
  const std::lock_guard lock(state_->mutex);
  const auto at = state_->blocks.find(chunk / kBlock);
  if (at == state_->blocks.end()) return state_->zeros;
  const Block& block = *at->second;
  const bool zeros = block.kinds.at(chunk % kBlock) == RunKind::kZeros;
  return zeros ? state_->zeros : block.digests.at(chunk % kBlock);
}

void ManifestBuilder::set_zeros(std::uint64_t first, std::uint64_t end) {
  const std::lock_guard lock(state_->mutex);
  auto at = state_->blocks.lower_bound(first / kBlock);
  while (at != state_->blocks.end() && at->first * kBlock < end) {
    const std::uint64_t begin = at->first * kBlock;
    if (first <= begin && begin + kBlock <= end) {
      at = state_->blocks.erase(at);
      continue;
    }
    auto* const kinds = at->second->kinds.begin();
    std::fill(kinds + static_cast<std::ptrdiff_t>(std::max(first, begin) - begin),
              kinds + static_cast<std::ptrdiff_t>(std::min(end - begin, kBlock)), RunKind::kZeros);
    ++at;
  }
}

ManifestBuilder ManifestBuilder::resized(std::uint64_t length) const {
  ManifestBuilder result(length, state_->chunk_bits);
  const std::uint64_t end = chunk_count(length, state_->chunk_bits);
  const std::lock_guard lock(state_->mutex);
  for (const auto& [number, block] : state_->blocks) {
    if (number * kBlock >= end) break;
    result.state_->blocks.emplace(number, std::make_unique<Block>(*block));
  }
  result.set_zeros(end, (end / kBlock + 1) * kBlock);
  return result;
}

ManifestBuilder ManifestBuilder::coarser(unsigned chunk_bits) const {
  assert(chunk_bits >= state_->chunk_bits);
  const unsigned from = state_->chunk_bits - content_tree::kLeafBits;
  const unsigned to = chunk_bits - content_tree::kLeafBits;
  const std::uint64_t parts = std::uint64_t{1} << (to - from);
  ManifestBuilder result(state_->length, chunk_bits);
  ContentHash hash;
  std::vector<ContentDigest> nodes;
  std::uint64_t chunk = 0;
  bool all_inherited = true;
  const auto finish = [&] {
    if (!nodes.empty()) result.set(chunk, hash.node(nodes, from, to), all_inherited);
    nodes.clear();
    all_inherited = true;
  };
  std::uint64_t at = 0;
  state_->walk(
      [&](RunKind kind, const ContentDigest& digest) {
        if (at / parts != chunk) finish();
        chunk = at / parts;
        nodes.resize(at % parts, state_->zeros);
        nodes.push_back(digest);
        all_inherited = all_inherited && kind == RunKind::kInherited;
        ++at;
      },
      [&](std::uint64_t count) { at += count; });
  finish();
  return result;
}

ContentDigest ManifestBuilder::root() const {
  RootBuilder root(state_->chunk_bits);
  state_->walk([&](RunKind, const ContentDigest& digest) { root.append(digest); },
               [&](std::uint64_t count) { root.append_zeros(count); });
  return root.finish(state_->length);
}

void ManifestBuilder::encode(const std::optional<ContentDigest>& parent, const Write& write,
                             const NextRun& next_left_out) const {
  const auto first_left_out = next_left_out ? next_left_out() : std::nullopt;
  write(manifest::encode_header({.length = state_->length,
                                 .chunk_bits = state_->chunk_bits,
                                 .root = root(),
                                 .parent = parent,
                                 .left_out = first_left_out.has_value()}));
  manifest::PageWriter pages(write);
  state_->walk([&](RunKind kind, const ContentDigest& digest) { pages.append(kind, digest); },
               [&](std::uint64_t count) { pages.append_zeros(count); });
  pages.finish();
  manifest::write_left_out(next_left_out, first_left_out, pages.next_number(), write);
}

}  // namespace qcow2stream
