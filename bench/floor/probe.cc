// SPDX-License-Identifier: GPL-2.0-or-later

#include "floor/probe.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <thread>

namespace bench {
namespace {

constexpr std::uint64_t kProbe = 4096;

alignas(4096) constexpr std::array<std::byte, kCluster> kZeros{};

// memcmp of the C library: vectors, and no page but the buffer's is read from memory.
bool all_zero(const std::byte* bytes, std::uint64_t length) {
  return std::memcmp(bytes, kZeros.data(), length) == 0;
}

void read_fully(int fd, std::byte* buffer, std::uint64_t length, std::uint64_t offset) {
  const ssize_t n = ::pread(fd, buffer, length, static_cast<off_t>(offset));
  if (n < 0) fail("pread");
  if (static_cast<std::uint64_t>(n) != length) fail_because("pread", "short read");
}

// Reads the first page of `cluster`, and the rest only if that says nothing.
bool has_data(int fd, Run cluster, std::byte* buffer) {
  const std::uint64_t length = cluster.end - cluster.begin;
  const std::uint64_t first = std::min(kProbe, length);
  read_fully(fd, buffer, first, cluster.begin);
  if (!all_zero(buffer, first)) return true;
  if (first == length) return false;
  read_fully(fd, buffer, length - first, cluster.begin + first);
  return !all_zero(buffer, length - first);
}

// The extents rounded to whole clusters; a cluster with two extents is there once.
std::vector<Run> clusters_of(const std::vector<Run>& extents) {
  std::vector<Run> runs;
  for (const Run& extent : extents) {
    const std::uint64_t last = (extent.end + kCluster - 1) / kCluster;
    append(runs, {extent.begin / kCluster * kCluster, last * kCluster});
  }
  return runs;
}

// What lies from byte `begin` to byte `end` of the runs, counted as if there was nothing between
// them.
std::vector<Run> part_of(const std::vector<Run>& runs, std::uint64_t begin, std::uint64_t end) {
  std::vector<Run> part;
  std::uint64_t before = 0;
  for (const Run& run : runs) {
    const std::uint64_t length = run.end - run.begin;
    const std::uint64_t from = std::clamp(begin, before, before + length) - before;
    const std::uint64_t to = std::clamp(end, before, before + length) - before;
    if (from < to) part.push_back({run.begin + from, run.begin + to});
    before += length;
  }
  return part;
}

std::vector<Run> probe_part(int fd, std::uint64_t size, const std::vector<Run>& part) {
  std::vector<std::byte> buffer(kCluster);
  std::vector<Run> data;
  for (const Run& run : part) {
    for (std::uint64_t at = run.begin; at < run.end; at += kCluster) {
      const Run cluster{at, std::min(at + kCluster, size)};
      if (has_data(fd, cluster, buffer.data())) append(data, cluster);
    }
  }
  return data;
}

}  // namespace

Probed probe(int fd, unsigned threads) {
  const Stopwatch stopwatch;
  const std::uint64_t size = size_of(fd);
  const std::vector<Run> runs = clusters_of(data_extents(fd));
  Probed result;
  result.clusters = total_length(runs) / kCluster;

  std::vector<std::vector<Run>> found(threads);
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < threads; ++i) {
      workers.emplace_back([&, i] {
        const std::uint64_t from = result.clusters * i / threads * kCluster;
        const std::uint64_t to = result.clusters * (i + 1) / threads * kCluster;
        found[i] = probe_part(fd, size, part_of(runs, from, to));
      });
    }
  }
  for (const auto& part : found) {
    for (const Run& run : part) append(result.data, run);
  }
  result.nonzero = (total_length(result.data) + kCluster - 1) / kCluster;
  result.seconds = stopwatch.seconds();
  return result;
}

unsigned default_threads() {
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace bench
