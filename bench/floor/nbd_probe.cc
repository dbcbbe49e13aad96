// SPDX-License-Identifier: GPL-2.0-or-later

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <thread>

#include "floor/nbd.h"

namespace bench {
namespace {

constexpr std::uint64_t kProbe = 4096;

// Connections take so many clusters at once.
constexpr std::size_t kBatch = 128;

alignas(4096) constexpr std::array<std::byte, kCluster> kZeros{};

// What the connections share.
struct Work {
  std::vector<Run> clusters;
  std::vector<char> nonzero;  // of each cluster
  std::atomic<std::size_t> next = 0;
};

class Prober {
 public:
  Prober(nbd_handle* handle, unsigned depth, Work& work)
      : handle_(handle), work_(work), slots_(depth) {
    for (Slot& slot : slots_) {
      slot.prober = this;
      slot.buffer.resize(kCluster);
      free_.push_back(&slot);
    }
  }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  void run() {
    for (;;) {
      while (!free_.empty() && begin_next()) {
      }
      if (free_.size() == slots_.size()) return;
      while (answered_.empty()) poll_nbd(handle_);
      for (Slot* slot : answered_) look_at(*slot);
      answered_.clear();
    }
  }

 private:
  struct Slot {
    Prober* prober = nullptr;
    std::vector<std::byte> buffer;
    std::size_t cluster = 0;
    Run part;  // of the cluster, counted from its beginning
  };

  // NOLINTNEXTLINE(readability-non-const-parameter): libnbd's signature
  static int answered(void* user_data, int* error) {
    if (*error != 0) fail_because("read", std::strerror(*error));
    auto* slot = static_cast<Slot*>(user_data);
    slot->prober->answered_.push_back(slot);
    return 1;  // libnbd may forget the command
  }

  bool begin_next() {
    if (at_ == end_) {
      at_ = std::min(work_.next.fetch_add(kBatch), work_.clusters.size());
      end_ = std::min(at_ + kBatch, work_.clusters.size());
      if (at_ == end_) return false;
    }
    Slot& slot = *free_.back();
    free_.pop_back();
    slot.cluster = at_++;
    read(slot, {0, std::min(kProbe, length_of(slot))});
    return true;
  }

  [[nodiscard]] std::uint64_t length_of(const Slot& slot) const {
    const Run& cluster = work_.clusters[slot.cluster];
    return cluster.end - cluster.begin;
  }

  void read(Slot& slot, Run part) {
    slot.part = part;
    const nbd_completion_callback done{
        .callback = &Prober::answered, .user_data = &slot, .free = nullptr};
    if (::nbd_aio_pread(handle_, slot.buffer.data(), part.end - part.begin,
                        work_.clusters[slot.cluster].begin + part.begin, done, 0) < 0) {
      fail_nbd("read");
    }
  }

  void look_at(Slot& slot) {
    const Run part = slot.part;
    if (std::memcmp(slot.buffer.data(), kZeros.data(), part.end - part.begin) != 0) {
      work_.nonzero[slot.cluster] = 1;
    } else if (part.end < length_of(slot)) {
      read(slot, {part.end, length_of(slot)});
      return;
    }
    free_.push_back(&slot);
  }

  nbd_handle* handle_;
  Work& work_;
  std::vector<Slot> slots_;
  std::vector<Slot*> free_;
  std::vector<Slot*> answered_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

// Every cluster that has data once; the last may end with the disk.
std::vector<Run> clusters_of(const std::vector<Run>& extents, std::uint64_t size) {
  std::vector<Run> clusters;
  for (const Run& extent : extents) {
    std::uint64_t at = extent.begin / kCluster * kCluster;
    if (!clusters.empty()) at = std::max(at, clusters.back().begin + kCluster);
    for (; at < extent.end; at += kCluster) {
      clusters.push_back({at, std::min(at + kCluster, size)});
    }
  }
  return clusters;
}

}  // namespace

Probed nbd_probe(const NbdExport& disk, unsigned depth) {
  const Stopwatch stopwatch;
  Work work{.clusters = clusters_of(disk.data_extents(), disk.size()), .nonzero = {}};
  work.nonzero.resize(work.clusters.size());
  {
    std::vector<std::jthread> threads;
    for (nbd_handle* handle : disk.handles()) {
      threads.emplace_back([&work, handle, depth] { Prober(handle, depth, work).run(); });
    }
  }
  Probed result;
  result.clusters = work.clusters.size();
  for (std::size_t i = 0; i < work.clusters.size(); ++i) {
    if (work.nonzero[i] == 0) continue;
    append(result.data, work.clusters[i]);
    ++result.nonzero;
  }
  result.seconds = stopwatch.seconds();
  return result;
}

}  // namespace bench
