// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/reference_counts.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "base/endian.h"
#include "restore/image_errors.h"

namespace qcow2stream {
namespace {

constexpr std::uint16_t kMany = std::numeric_limits<std::uint16_t>::max();

// The fastest level: most counts are 0 or 1.
constexpr int kCountsLevel = 1;

}  // namespace

ReferenceCounts::ReferenceCounts(const qcow2::Geometry& geometry, std::string name)
    : geometry_(geometry), name_(std::move(name)) {}

void ReferenceCounts::add(HostRange range, Reference::Claim claim, std::uint64_t times) {
  const std::uint64_t first = range.begin.value() >> geometry_.cluster_bits;
  const std::uint64_t last = (range.end().value() - 1) >> geometry_.cluster_bits;
  if (references_.size() <= last) {
    references_.resize(last + 1);
    only_one_.resize(last + 1);
    one_of_several_.resize(last + 1);
  }
  for (std::uint64_t i = first; i <= last; ++i) {
    references_[i] =
        static_cast<std::uint16_t>(std::min<std::uint64_t>(kMany, references_[i] + times));
    if (claim == Reference::Claim::kOnlyOne) only_one_[i] = true;
    if (claim == Reference::Claim::kOneOfSeveral) one_of_several_[i] = true;
  }
}

void ReferenceCounts::add_counts(HostCluster first, std::span<const std::byte> bytes) {
  Counts counts{.size = bytes.size(),
                .encoded = std::vector<std::byte>(ZSTD_compressBound(bytes.size()))};
  const std::size_t size = ZSTD_compress(counts.encoded.data(), counts.encoded.size(), bytes.data(),
                                         bytes.size(), kCountsLevel);
  if (ZSTD_isError(size) != 0) throw std::bad_alloc();  // it fails for want of memory only
  counts.encoded.resize(size);
  counts.encoded.shrink_to_fit();
  counts_.insert_or_assign(first.value(), std::move(counts));
}

std::uint64_t ReferenceCounts::count_at(std::span<const std::byte> bytes,
                                        std::uint64_t index) const {
  const unsigned bits = geometry_.refcount_bits();
  if (bits < 8) {
    // Within a byte the first count has the lowest bits.
    const std::uint64_t bit = index * bits;
    const auto byte = std::to_integer<unsigned>(bytes[bit / 8]);
    return byte >> (bit % 8) & ((1U << bits) - 1);
  }
  const std::byte* at = bytes.data() + index * (bits / 8);
  switch (bits) {
    case 8:
      return std::to_integer<std::uint64_t>(*at);
    case 16:
      return load_big<std::uint16_t>(at);
    case 32:
      return load_big<std::uint32_t>(at);
    default:
      return load_big<std::uint64_t>(at);
  }
}

std::uint64_t ReferenceCounts::references_to(std::uint64_t cluster) const {
  return cluster < references_.size() ? references_[cluster] : 0;
}

void ReferenceCounts::throw_too_low(std::uint64_t cluster, std::uint64_t count) const {
  throw_damaged(name_, geometry_.offset(HostCluster(cluster)),
                fmt::format("the cluster is referred to {} times, and its count is {}",
                            references_to(cluster), count));
}

// QEMU: check_oflag_copied().
void ReferenceCounts::compare_one(std::uint64_t cluster, std::uint64_t count) const {
  if (cluster >= references_.size()) return;
  if (count < references_[cluster]) throw_too_low(cluster, count);
  if (count == 1 && one_of_several_[cluster]) {
    throw_damaged(
        name_, geometry_.offset(HostCluster(cluster)),
        "the cluster has one reference, whose entry does not say that it is the only one");
  }
  if (count != 1 && only_one_[cluster]) {
    throw_damaged(name_, geometry_.offset(HostCluster(cluster)),
                  fmt::format("the count of the cluster is {}, and an entry says that it is the "
                              "only one",
                              count));
  }
}

// There are no counts for these: each is 0.
void ReferenceCounts::compare_from(std::uint64_t cluster, std::uint64_t end) const {
  end = std::min<std::uint64_t>(end, references_.size());
  for (; cluster < end; ++cluster) compare_one(cluster, 0);
}

ReferenceCounts::Comparison ReferenceCounts::compare(std::uint64_t length) const {
  const std::uint64_t clusters = geometry_.clusters_for(length);
  Comparison result;
  std::uint64_t used = references_.size();
  std::uint64_t next = 0;
  std::vector<std::byte> bytes;
  for (const auto& [first, counts] : counts_) {
    compare_from(next, first);
    bytes.resize(counts.size);
    const std::size_t size =
        ZSTD_decompress(bytes.data(), bytes.size(), counts.encoded.data(), counts.encoded.size());
    if (size != bytes.size()) throw std::bad_alloc();  // as above
    const std::uint64_t end = first + counts.size * 8 / geometry_.refcount_bits();
    for (std::uint64_t i = first; i < std::min(end, clusters); ++i) {
      const std::uint64_t count = count_at(bytes, i - first);
      const std::uint64_t references = references_to(i);
      compare_one(i, count);
      if (count > references && references != kMany) ++result.too_high;
      if (count > 0) used = std::max(used, i + 1);
    }
    next = std::max(next, end);
  }
  compare_from(next, references_.size());
  result.end = used << geometry_.cluster_bits;
  return result;
}

}  // namespace qcow2stream
