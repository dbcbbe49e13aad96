// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/cluster_map.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "base/bits.h"
#include "base/bitset.h"
#include "qcow2/entries.h"

namespace qcow2stream {
namespace {

// The bits of a word that are set in any of the planes.
template <class Planes>
std::uint64_t any_of_word(const Planes& planes, std::size_t i) {
  std::uint64_t word = 0;
  for (const auto& plane : planes) {
    if (!plane.empty()) word |= plane[i];
  }
  return word;
}

template <class Planes>
std::size_t words_of(const Planes& planes) {
  std::size_t n = 0;
  for (const auto& plane : planes) n = std::max(n, plane.size());
  return n;
}

// What find_bit() does, in all planes at once.
template <class Planes>
std::uint64_t find_in_any(const Planes& planes, std::uint64_t from) {
  const std::size_t end = words_of(planes);
  std::uint64_t mask = ~low_bits(from % 64);
  for (std::size_t i = from / 64; i < end; ++i, mask = ~0ULL) {
    const std::uint64_t word = any_of_word(planes, i) & mask;
    if (word != 0) return i * 64 + find_bit({&word, 1}, 0, 0);
  }
  return end * 64;
}

}  // namespace

ClusterMap::ClusterMap(const qcow2::Geometry& geometry, ClusterCount guest_clusters)
    : geometry_(geometry), guest_clusters_(guest_clusters) {}

void ClusterMap::append(Entry entry) {
  if (entry.all && !entries_.empty() && entries_.back().all == entry.all &&
      entries_.back().end() == entry.begin) {
    // Two neighbours with the same in all their clusters are one entry.
    Entry& last = entries_.back();
    last.clusters += entry.clusters;
    totals_ = last.before;
    add_to_totals(last);
    return;
  }
  entry.before = totals_;
  add_to_totals(entry);
  entries_.push_back(std::move(entry));
}

void ClusterMap::add_to_totals(const Entry& entry) {
  for (const ClusterKind kind : kClusterKinds) {
    totals_.clusters[index(kind)] += count_in(entry, kind, entry.clusters);
  }
  totals_.tables += tables_in(entry, tables_covered(entry));
}

ClusterCount ClusterMap::mapped() const {
  return std::accumulate(totals_.clusters.begin(), totals_.clusters.end(), ClusterCount{0});
}

std::uint64_t ClusterMap::tables_covered(const Entry& entry) const {
  return div_up(entry.clusters, geometry_.l2_entries());
}

ClusterCount ClusterMap::count_in(const Entry& entry, ClusterKind kind,
                                  ClusterCount first_clusters) {
  if (entry.all) return *entry.all == kind ? first_clusters : 0;
  if (entry.plane(kind).empty()) return 0;
  const std::span words(entry.plane(kind));
  const std::uint64_t whole = first_clusters / 64;
  std::uint64_t n = count_bits(words.first(whole));
  if (first_clusters % 64 != 0) {
    const std::uint64_t last = words[whole] & low_bits(first_clusters % 64);
    n += count_bits({&last, 1});
  }
  return n;
}

std::uint64_t ClusterMap::tables_in(const Entry& entry, std::uint64_t first_tables) const {
  if (entry.all) return first_tables;
  const std::uint64_t words_per_table = geometry_.l2_entries() / 64;  // at least one
  std::uint64_t n = 0;
  for (std::uint64_t t = 0; t < first_tables; ++t) {
    const std::uint64_t end = (t + 1) * words_per_table;
    std::uint64_t i = t * words_per_table;
    while (i < end && any_of_word(entry.planes, i) == 0) ++i;
    n += i < end ? 1 : 0;
  }
  return n;
}

std::vector<ClusterMap::Entry>::const_iterator ClusterMap::find(GuestCluster cluster) const {
  return std::ranges::upper_bound(entries_, cluster, {}, &Entry::end);
}

GuestCluster ClusterMap::next(ClusterKind kind, GuestCluster from) const {
  assert(from <= end());
  if (count(kind) == 0) return end();
  for (auto entry = find(from); entry != entries_.end(); ++entry) {
    const GuestCluster at = std::max(from, entry->begin);
    if (entry->all == kind) return at;
    const Words& words = entry->plane(kind);
    if (words.empty()) continue;
    const GuestCluster found = entry->begin + find_bit(words, at - entry->begin, 0);
    if (found < entry->end()) return found;
  }
  return end();
}

GuestCluster ClusterMap::next_other(ClusterKind kind, GuestCluster from) const {
  assert(from <= end());
  for (auto entry = find(from); entry != entries_.end() && entry->begin <= from; ++entry) {
    if (entry->all != kind) {
      const Words& words = entry->plane(kind);
      if (words.empty()) return from;
      const GuestCluster found = entry->begin + find_bit(words, from - entry->begin, ~0ULL);
      if (found < entry->end()) return found;
    }
    from = entry->end();
  }
  return std::min(from, end());
}

GuestCluster ClusterMap::next_mapped(GuestCluster from) const {
  assert(from <= end());
  for (auto entry = find(from); entry != entries_.end(); ++entry) {
    const GuestCluster at = std::max(from, entry->begin);
    if (entry->all) return at;
    const GuestCluster found = entry->begin + find_in_any(entry->planes, at - entry->begin);
    if (found < entry->end()) return found;
  }
  return end();
}

std::optional<ClusterKind> ClusterMap::kind_of(GuestCluster cluster) const {
  assert(cluster < end());
  const auto entry = find(cluster);
  if (entry == entries_.end() || cluster < entry->begin) return std::nullopt;
  if (entry->all) return entry->all;
  const std::uint64_t bit = cluster - entry->begin;
  for (const ClusterKind kind : kClusterKinds) {
    const Words& words = entry->plane(kind);
    if (!words.empty() && (words[bit / 64] >> (bit % 64) & 1) != 0) return kind;
  }
  return std::nullopt;
}

GuestCluster ClusterMap::next_divided(GuestCluster from) const {
  const auto found = std::ranges::lower_bound(divided_, from, {}, &Divided::cluster);
  return found == divided_.end() ? end() : found->cluster;
}

std::uint64_t ClusterMap::subclusters(GuestCluster cluster) const {
  const auto found = std::ranges::lower_bound(divided_, cluster, {}, &Divided::cluster);
  if (found != divided_.end() && found->cluster == cluster) return found->subclusters;
  const auto kind = kind_of(cluster);
  if (kind == ClusterKind::kData) return qcow2::kAllSubclustersAllocated;
  return kind == ClusterKind::kZero ? qcow2::kAllSubclustersZero : 0;
}

ClusterCount ClusterMap::before(ClusterKind kind, GuestCluster cluster) const {
  assert(cluster <= end());
  const auto entry = find(cluster);
  if (entry == entries_.end()) return count(kind);
  if (cluster <= entry->begin) return entry->before.of(kind);
  return entry->before.of(kind) + count_in(*entry, kind, cluster - entry->begin);
}

GuestCluster ClusterMap::nth(ClusterKind kind, ClusterCount rank) const {
  assert(rank < count(kind));
  const auto entry = std::prev(std::ranges::upper_bound(
      entries_, rank, {}, [kind](const Entry& e) { return e.before.of(kind); }));
  const ClusterCount in_entry = rank - entry->before.of(kind);
  return entry->begin + (entry->all ? in_entry : select_bit(entry->plane(kind), in_entry));
}

std::uint64_t ClusterMap::l2_tables_before(std::uint64_t l1_index) const {
  const GuestCluster cluster = table_begin(l1_index);
  const auto entry = find(cluster);
  if (entry == entries_.end()) return totals_.tables;
  if (cluster <= entry->begin) return entry->before.tables;
  return entry->before.tables +
         tables_in(*entry, (cluster - entry->begin) / geometry_.l2_entries());
}

std::uint64_t ClusterMap::nth_l2_table(std::uint64_t rank) const {
  assert(rank < l2_tables());
  const auto entry = std::prev(
      std::ranges::upper_bound(entries_, rank, {}, [](const Entry& e) { return e.before.tables; }));
  const std::uint64_t first = entry->begin.value() / geometry_.l2_entries();
  std::uint64_t left = rank - entry->before.tables;
  if (entry->all) return first + left;
  std::uint64_t table = next_l2_table(first);
  for (; left > 0; --left) table = next_l2_table(table + 1);
  return table;
}

std::uint64_t ClusterMap::next_l2_table(std::uint64_t l1_index) const {
  const GuestCluster found = next_mapped(std::min(table_begin(l1_index), end()));
  return found == end() ? div_up(guest_clusters_, geometry_.l2_entries())
                        : found.value() / geometry_.l2_entries();
}

std::uint64_t ClusterMap::memory() const {
  std::uint64_t bytes = sizeof *this + entries_.capacity() * sizeof(Entry) +
                        compressed_sizes_.capacity() * sizeof(std::uint32_t) +
                        divided_.capacity() * sizeof(Divided);
  for (const Entry& entry : entries_) {
    for (const Words& words : entry.planes) bytes += words.capacity() * sizeof(std::uint64_t);
  }
  return bytes;
}

}  // namespace qcow2stream
