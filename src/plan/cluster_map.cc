// SPDX-License-Identifier: GPL-2.0-or-later

#include "plan/cluster_map.h"

#include <algorithm>
#include <atomic>
#include <span>
#include <utility>

#include "base/bits.h"
#include "base/bitset.h"

namespace qcow2stream {
namespace {

// A chunk's bits are 4 KiB, 2 GiB of a disk with 64 KiB clusters; counting through one takes about
// as long as one read from the disk takes to be submitted.
constexpr ClusterCount kChunkClusters = 32768;

ClusterCount chunk_clusters(const qcow2::Geometry& geometry) {
  return std::max<ClusterCount>(kChunkClusters, geometry.l2_entries());
}

}  // namespace

// --- building ---------------------------------------------------------------------------------

ClusterMapBuilder::ClusterMapBuilder(const qcow2::Geometry& geometry, ClusterCount guest_clusters)
    : geometry_(geometry),
      guest_clusters_(guest_clusters),
      chunk_clusters_(chunk_clusters(geometry)) {}

std::uint64_t* ClusterMapBuilder::chunk_words(std::uint64_t chunk) {
  const std::lock_guard lock(mutex_);
  ClusterMap::Words& words = chunks_[chunk];
  if (words.empty()) words.resize(chunk_clusters_ / 64);
  return words.data();
}

void ClusterMapBuilder::mark_in_chunk(std::uint64_t chunk, ClusterCount first, ClusterCount count) {
  std::uint64_t* words = chunk_words(chunk);
  const ClusterCount end = first + count;
  while (first < end) {
    const std::uint64_t in_word = first % 64;
    const std::uint64_t n = std::min<std::uint64_t>(64 - in_word, end - first);
    // Two workers may share the word at the border of their ranges.
    std::atomic_ref(words[first / 64]).fetch_or(low_bits(n) << in_word, std::memory_order_relaxed);
    first += n;
  }
}

void ClusterMapBuilder::mark_data(GuestCluster first, ClusterCount count) {
  std::uint64_t at = first.value();
  const std::uint64_t end = at + count;
  while (at < end) {
    const std::uint64_t chunk = at / chunk_clusters_;
    if (at % chunk_clusters_ == 0 && end - at >= chunk_clusters_) {
      const std::uint64_t last = end / chunk_clusters_;
      const std::lock_guard lock(mutex_);
      std::uint64_t& run_end = full_runs_[chunk];
      run_end = std::max(run_end, last);
      at = last * chunk_clusters_;
      continue;
    }
    const std::uint64_t in_chunk = at % chunk_clusters_;
    const std::uint64_t n = std::min(chunk_clusters_ - in_chunk, end - at);
    mark_in_chunk(chunk, in_chunk, n);
    at += n;
  }
}

std::shared_ptr<const ClusterMap> ClusterMapBuilder::finish() {
  // A chunk whose bits are all set is a full run of one; the last chunk may be shorter.
  for (auto& [chunk, words] : chunks_) {
    const ClusterCount clusters =
        std::min(chunk_clusters_, guest_clusters_ - chunk * chunk_clusters_);
    if (count_bits(words) == clusters) {
      std::uint64_t& run_end = full_runs_[chunk];
      run_end = std::max(run_end, chunk + 1);
      words.clear();
    }
  }

  std::shared_ptr<ClusterMap> map(new ClusterMap(geometry_, guest_clusters_));
  auto run = full_runs_.begin();
  std::uint64_t covered = 0;  // chunks before this one are dealt with
  const auto append_runs_before = [&](std::uint64_t chunk) {
    for (; run != full_runs_.end() && run->first <= chunk; ++run) {
      const std::uint64_t first = std::max(run->first, covered);
      if (run->second <= first) continue;
      const std::uint64_t begin = first * chunk_clusters_;
      const std::uint64_t end = std::min(run->second * chunk_clusters_, guest_clusters_);
      map->append({.begin = GuestCluster(begin), .clusters = end - begin, .words = {}});
      covered = run->second;
    }
  };
  for (auto& [chunk, words] : chunks_) {
    append_runs_before(chunk);
    if (chunk < covered || words.empty()) continue;
    const std::uint64_t begin = chunk * chunk_clusters_;
    map->append({.begin = GuestCluster(begin),
                 .clusters = std::min(chunk_clusters_, guest_clusters_ - begin),
                 .words = std::move(words)});
    covered = chunk + 1;
  }
  append_runs_before(~0ULL);
  chunks_.clear();
  full_runs_.clear();
  return map;
}

// --- the finished map ---------------------------------------------------------------------------

ClusterMap::ClusterMap(const qcow2::Geometry& geometry, ClusterCount guest_clusters)
    : geometry_(geometry), guest_clusters_(guest_clusters) {}

void ClusterMap::append(Entry entry) {
  if (entry.all() && !entries_.empty() && entries_.back().all() &&
      entries_.back().end() == entry.begin) {
    // Two full neighbours are one entry.
    Entry& last = entries_.back();
    last.clusters += entry.clusters;
    data_clusters_ = last.data_before + last.clusters;
    l2_tables_ = last.tables_before + tables_covered(last);
    return;
  }
  entry.data_before = data_clusters_;
  entry.tables_before = l2_tables_;
  data_clusters_ += data_in(entry, entry.clusters);
  l2_tables_ += tables_in(entry, tables_covered(entry));
  entries_.push_back(std::move(entry));
}

std::uint64_t ClusterMap::tables_covered(const Entry& entry) const {
  return div_up(entry.clusters, geometry_.l2_entries());
}

ClusterCount ClusterMap::data_in(const Entry& entry, ClusterCount first_clusters) const {
  if (entry.all()) return first_clusters;
  const std::span words(entry.words);
  const std::uint64_t whole = first_clusters / 64;
  std::uint64_t n = count_bits(words.first(whole));
  if (first_clusters % 64 != 0) {
    const std::uint64_t last = words[whole] & low_bits(first_clusters % 64);
    n += count_bits({&last, 1});
  }
  return n;
}

std::uint64_t ClusterMap::tables_in(const Entry& entry, std::uint64_t first_tables) const {
  if (entry.all()) return first_tables;
  const std::uint64_t words_per_table = geometry_.l2_entries() / 64;  // at least one
  std::uint64_t n = 0;
  for (std::uint64_t t = 0; t < first_tables; ++t) {
    const auto words = std::span(entry.words).subspan(t * words_per_table, words_per_table);
    n += std::ranges::any_of(words, [](std::uint64_t w) { return w != 0; });
  }
  return n;
}

std::vector<ClusterMap::Entry>::const_iterator ClusterMap::find(GuestCluster cluster) const {
  return std::ranges::upper_bound(entries_, cluster, {}, &Entry::end);
}

GuestCluster ClusterMap::next_data(GuestCluster from) const {
  for (auto entry = find(from); entry != entries_.end(); ++entry) {
    const GuestCluster at = std::max(from, entry->begin);
    if (entry->all()) return at;
    const GuestCluster found = entry->begin + find_bit(entry->words, at - entry->begin, 0);
    if (found < entry->end()) return found;
  }
  return end();
}

GuestCluster ClusterMap::next_gap(GuestCluster from) const {
  for (auto entry = find(from); entry != entries_.end() && entry->begin <= from; ++entry) {
    if (!entry->all()) {
      const GuestCluster found = entry->begin + find_bit(entry->words, from - entry->begin, ~0ULL);
      if (found < entry->end()) return found;
    }
    from = entry->end();
  }
  return std::min(from, end());
}

ClusterCount ClusterMap::data_before(GuestCluster cluster) const {
  const auto entry = find(cluster);
  if (entry == entries_.end()) return data_clusters_;
  if (cluster <= entry->begin) return entry->data_before;
  return entry->data_before + data_in(*entry, cluster - entry->begin);
}

GuestCluster ClusterMap::nth_data(ClusterCount rank) const {
  const auto entry = std::prev(std::ranges::upper_bound(entries_, rank, {}, &Entry::data_before));
  const ClusterCount in_entry = rank - entry->data_before;
  return entry->begin + (entry->all() ? in_entry : select_bit(entry->words, in_entry));
}

std::uint64_t ClusterMap::l2_tables_before(std::uint64_t l1_index) const {
  const GuestCluster cluster = table_begin(l1_index);
  const auto entry = find(cluster);
  if (entry == entries_.end()) return l2_tables_;
  if (cluster <= entry->begin) return entry->tables_before;
  return entry->tables_before +
         tables_in(*entry, (cluster - entry->begin) / geometry_.l2_entries());
}

std::uint64_t ClusterMap::nth_l2_table(std::uint64_t rank) const {
  const auto entry = std::prev(std::ranges::upper_bound(entries_, rank, {}, &Entry::tables_before));
  const std::uint64_t first = entry->begin.value() / geometry_.l2_entries();
  std::uint64_t left = rank - entry->tables_before;
  if (entry->all()) return first + left;
  std::uint64_t table = next_l2_table(first);
  for (; left > 0; --left) table = next_l2_table(table + 1);
  return table;
}

std::uint64_t ClusterMap::next_l2_table(std::uint64_t l1_index) const {
  const GuestCluster found = next_data(std::min(table_begin(l1_index), end()));
  return found == end() ? div_up(guest_clusters_, geometry_.l2_entries())
                        : found.value() / geometry_.l2_entries();
}

std::uint64_t ClusterMap::memory() const {
  std::uint64_t bytes = sizeof *this + entries_.capacity() * sizeof(Entry);
  for (const Entry& entry : entries_) bytes += entry.words.capacity() * sizeof(std::uint64_t);
  return bytes;
}

}  // namespace qcow2stream
