// SPDX-License-Identifier: GPL-2.0-or-later

#include "layout/cluster_map_builder.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <iterator>
#include <span>

#include "base/bits.h"
#include "base/bitset.h"
#include "qcow2/entries.h"

namespace qcow2stream {
namespace {

// A chunk's bits take 4 KiB a kind, and with clusters of 64 KiB a chunk is 2 GiB of a disk.
// Counting through one takes about as long as one read from the disk takes to be submitted.
constexpr ClusterCount kChunkClusters = 32768;

ClusterCount chunk_clusters(const qcow2::Geometry& geometry) {
  return std::max<ClusterCount>(kChunkClusters, geometry.l2_entries());
}

void set_first_bits(std::vector<std::uint64_t>& words, std::uint64_t bits) {
  std::ranges::fill(words, 0);
  std::fill_n(words.begin(), bits / 64, ~0ULL);
  if (bits % 64 != 0) words[bits / 64] = low_bits(bits % 64);
}

// Takes out of `words` what is set in `stronger`; frees it if nothing is left.
void clear_bits(std::vector<std::uint64_t>& words, const std::vector<std::uint64_t>& stronger) {
  if (words.empty()) return;
  for (std::size_t i = 0; i < stronger.size(); ++i) words[i] &= ~stronger[i];
  if (count_bits(words) == 0) words = {};
}

}  // namespace

ClusterMapBuilder::ClusterMapBuilder(const qcow2::Geometry& geometry, ClusterCount guest_clusters)
    : geometry_(geometry),
      guest_clusters_(guest_clusters),
      chunk_clusters_(chunk_clusters(geometry)) {}

// A plane is allocated when it is first used.
ClusterMap::Words& ClusterMapBuilder::plane(Chunk& chunk, ClusterKind kind) const {
  ClusterMap::Words& words = chunk.planes[ClusterMap::index(kind)];
  if (words.empty()) words.resize(chunk_clusters_ / 64);
  return words;
}

void ClusterMapBuilder::mark_in_chunk(std::uint64_t number, ClusterKind kind, ClusterCount first,
                                      ClusterCount count) {
  std::uint64_t* words = nullptr;
  {
    const std::lock_guard lock(mutex_);
    words = plane(chunks_[number], kind).data();
  }
  const ClusterCount end = first + count;
  while (first < end) {
    const std::uint64_t in_word = first % 64;
    const std::uint64_t n = std::min<std::uint64_t>(64 - in_word, end - first);
    // Two workers may share the word at the border of their ranges.
    std::atomic_ref(words[first / 64]).fetch_or(low_bits(n) << in_word, std::memory_order_relaxed);
    first += n;
  }
}

void ClusterMapBuilder::mark(ClusterKind kind, GuestCluster first, ClusterCount count) {
  assert(kind != ClusterKind::kCompressed);
  assert(first.value() <= guest_clusters_ && count <= guest_clusters_ - first.value());
  std::uint64_t at = first.value();
  const std::uint64_t end = at + count;
  while (at < end) {
    const std::uint64_t chunk = at / chunk_clusters_;
    if (at % chunk_clusters_ == 0 && end - at >= chunk_clusters_) {
      const std::uint64_t last = end / chunk_clusters_;
      const std::lock_guard lock(mutex_);
      std::uint64_t& run_end = full_runs_[ClusterMap::index(kind)][chunk];
      run_end = std::max(run_end, last);
      at = last * chunk_clusters_;
      continue;
    }
    const std::uint64_t in_chunk = at % chunk_clusters_;
    const std::uint64_t n = std::min(chunk_clusters_ - in_chunk, end - at);
    mark_in_chunk(chunk, kind, in_chunk, n);
    at += n;
  }
}

void ClusterMapBuilder::mark_compressed(std::span<const CompressedCluster> clusters) {
  const std::lock_guard lock(mutex_);
  for (const CompressedCluster& compressed : clusters) {
    assert(compressed.cluster.value() < guest_clusters_);
    assert(compressed.size > 0 && compressed.size < geometry_.cluster_size());
    Chunk& chunk = chunks_[compressed.cluster.value() / chunk_clusters_];
    const std::uint64_t in_chunk = compressed.cluster.value() % chunk_clusters_;
    plane(chunk, ClusterKind::kCompressed)[in_chunk / 64] |= 1ULL << (in_chunk % 64);
    chunk.compressed.push_back({static_cast<std::uint32_t>(in_chunk), compressed.size});
  }
}

void ClusterMapBuilder::mark_divided(GuestCluster cluster, std::uint64_t subclusters) {
  const bool allocated = (subclusters & qcow2::kAllSubclustersAllocated) != 0;
  mark(allocated ? ClusterKind::kData : ClusterKind::kZero, cluster, 1);
  const std::lock_guard lock(mutex_);
  divided_.push_back({cluster, subclusters});
}

// --- finishing --------------------------------------------------------------------------------

// The last chunk may be shorter.
ClusterCount ClusterMapBuilder::clusters_in(std::uint64_t chunk) const {
  return std::min(chunk_clusters_, guest_clusters_ - chunk * chunk_clusters_);
}

// Runs that overlap or touch become one, so that none lies within another.
void ClusterMapBuilder::join_runs() {
  for (Runs& runs : full_runs_) {
    for (auto run = runs.begin(); run != runs.end(); ++run) {
      for (auto next = std::next(run); next != runs.end() && next->first <= run->second;) {
        run->second = std::max(run->second, next->second);
        next = runs.erase(next);
      }
    }
  }
}

// A chunk that has bits and lies in a run gets the run's bits too, so that runs matter only where
// there are no chunks.
void ClusterMapBuilder::put_runs_on_chunks() {
  for (const ClusterKind kind : kClusterKinds) {
    for (const auto& [first, end] : full_runs_[ClusterMap::index(kind)]) {
      for (auto at = chunks_.lower_bound(first); at != chunks_.end() && at->first < end; ++at) {
        ClusterMap::Words& words = at->second.planes[ClusterMap::index(kind)];
        words.resize(chunk_clusters_ / 64);
        set_first_bits(words, clusters_in(at->first));
      }
    }
  }
}

// Leaves each cluster one kind: the strongest of those with which it was marked.
void ClusterMapBuilder::settle(Chunk& chunk) {
  auto& [data, compressed, zero] = chunk.planes;
  clear_bits(compressed, data);
  clear_bits(zero, data);
  clear_bits(zero, compressed);
}

// Takes the sizes of the chunk's compressed clusters in guest order. Workers have brought them in
// any order.
void ClusterMapBuilder::take_sizes(Chunk& chunk, std::vector<std::uint32_t>& sizes) {
  const ClusterMap::Words& bits = chunk.planes[ClusterMap::index(ClusterKind::kCompressed)];
  std::ranges::sort(chunk.compressed, {}, &CompressedSize::in_chunk);
  for (const CompressedSize& entry : chunk.compressed) {
    const bool still_is =
        !bits.empty() && (bits[entry.in_chunk / 64] >> (entry.in_chunk % 64) & 1) != 0;
    if (still_is) sizes.push_back(entry.size);
  }
  chunk.compressed = {};
}

void ClusterMapBuilder::append_chunk(ClusterMap& map, std::uint64_t number, Chunk& chunk) const {
  ClusterMap::Entry entry{.begin = GuestCluster(number * chunk_clusters_),
                          .clusters = clusters_in(number),
                          .planes = std::move(chunk.planes)};
  for (const ClusterKind kind : kClusterKinds) {
    if (count_bits(entry.plane(kind)) == entry.clusters) {
      entry.all = kind;
      entry.planes = {};
      break;
    }
  }
  map.append(std::move(entry));
}

// The parts of `kind`'s runs that lie in the chunks from `first` to `end`. Calls `between` for each
// stretch before, between and after them.
template <class Between>
void ClusterMapBuilder::append_runs(ClusterMap& map, ClusterKind kind, std::uint64_t first,
                                    std::uint64_t end, const Between& between) const {
  const Runs& runs = full_runs_[ClusterMap::index(kind)];
  auto run = runs.upper_bound(first);
  if (run != runs.begin()) --run;
  for (; run != runs.end() && run->first < end && first < end; ++run) {
    const std::uint64_t from = std::max(run->first, first);
    const std::uint64_t to = std::min(run->second, end);
    if (to <= from) continue;
    between(first, from);
    const GuestCluster begin(from * chunk_clusters_);
    const GuestCluster stop(std::min(to * chunk_clusters_, guest_clusters_));
    map.append({.begin = begin, .clusters = stop - begin, .all = kind});
    first = to;
  }
  between(first, end);
}

std::shared_ptr<const ClusterMap> ClusterMapBuilder::finish() {
  join_runs();
  put_runs_on_chunks();
  std::shared_ptr<ClusterMap> map(new ClusterMap(geometry_, guest_clusters_));
  // Data is stronger than zero.
  const auto append_runs_of_all_kinds = [&](std::uint64_t first, std::uint64_t end) {
    append_runs(*map, ClusterKind::kData, first, end, [&](std::uint64_t from, std::uint64_t to) {
      append_runs(*map, ClusterKind::kZero, from, to, [](std::uint64_t, std::uint64_t) {});
    });
  };
  std::size_t compressed = 0;
  for (const auto& [number, chunk] : chunks_) compressed += chunk.compressed.size();
  map->compressed_sizes_.reserve(compressed);

  std::uint64_t next = 0;  // chunks before this one are dealt with
  for (auto& [number, chunk] : chunks_) {
    append_runs_of_all_kinds(next, number);
    settle(chunk);
    take_sizes(chunk, map->compressed_sizes_);
    append_chunk(*map, number, chunk);
    next = number + 1;
  }
  append_runs_of_all_kinds(next, div_up(guest_clusters_, chunk_clusters_));
  std::ranges::sort(divided_, {}, &ClusterMap::Divided::cluster);
  map->divided_ = std::move(divided_);
  divided_ = {};
  chunks_.clear();
  full_runs_ = {};
  return map;
}

}  // namespace qcow2stream
