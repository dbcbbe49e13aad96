// SPDX-License-Identifier: GPL-2.0-or-later
//
// Compressing takes ten times as long as reading from the page cache, comparing about as long as
// reading. So what matters is that a worker never waits for a disk: it keeps a few reads in flight,
// in the order of the disk and of both disks at once, and works on what the oldest one brings.

#include "survey/full_scan.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <optional>
#include <vector>

#include "base/bits.h"
#include "base/zero.h"
#include "codec/codec.h"
#include "layout/layout.h"

namespace qcow2stream {
namespace {

// How much is read at once, unless a cluster is larger. It stays in the second level cache until it
// has been worked on.
constexpr std::uint64_t kReadSize = 256 << 10;

// One of the reads is worked on, the others keep the disk busy.
constexpr unsigned kReadsInFlight = 4;

// One of the disks that are read: its requests, and which of them have been answered.
class Side {
 public:
  Side(const Disk& disk, std::size_t slots, std::size_t buffer_size)
      : size_(disk.size()),
        buffers_(slots, std::vector<std::byte>(buffer_size)),
        done_(slots),
        queue_(disk.queue()) {}

  // Starts a read into a slot. What lies behind the end of the disk becomes zeros.
  void start(std::size_t slot, GuestOffset begin, std::uint64_t length) {
    const std::uint64_t there = size_ - std::min(size_, begin.value());
    const std::uint64_t n = std::min(length, there);
    const std::span buffer(buffers_[slot]);
    std::ranges::fill(buffer.subspan(n, length - n), std::byte{0});
    done_[slot] = n == 0;
    if (n > 0) queue_->submit(begin, buffer.first(n), slot);
  }

  // Waits for the read of the slot and returns what it has read.
  std::span<const std::byte> get(std::size_t slot) {
    while (!done_[slot]) done_[queue_->wait()] = true;
    return buffers_[slot];
  }

 private:
  std::uint64_t size_;
  std::vector<std::vector<std::byte>> buffers_;
  std::vector<bool> done_;
  // Last, so that it goes first: nothing may be in flight when the buffers go.
  std::unique_ptr<RequestQueue> queue_;
};

unsigned reads_in_flight(const FullScan& scan) {
  unsigned most = std::min(kReadsInFlight, scan.disk.traits().requests_in_flight);
  if (scan.base != nullptr) most = std::min(most, scan.base->traits().requests_in_flight);
  return std::max(1U, most);
}

class Worker {
 public:
  Worker(const FullScan& scan, SurveyWork& work, const qcow2::Geometry& geometry,
         ClusterMapBuilder& map)
      : scan_(scan),
        work_(work),
        geometry_(geometry),
        map_(map),
        guest_end_(virtual_size_of(scan.disk.size())),
        read_size_(std::max(kReadSize, geometry.cluster_size())),
        readings_(reads_in_flight(scan)),
        disk_(scan.disk, readings_.size(), read_size_) {
    if (scan.base != nullptr) base_.emplace(*scan.base, readings_.size(), read_size_);
    if (scan.compression != nullptr) {
      codec_ = make_codec(*scan.compression, static_cast<std::uint32_t>(geometry.cluster_size()));
      store_.emplace(*scan.store);
    }
  }

  void run() {
    for (;;) {
      while (next_ - oldest_ < readings_.size() && start_reading()) {
      }
      if (next_ == oldest_) return;
      const std::size_t slot = oldest_ % readings_.size();
      work_on(readings_[slot], slot);
      work_.done(readings_[slot].range.length);
      if (readings_[slot].ends_run) finish_run(readings_[slot]);
      ++oldest_;
    }
  }

 private:
  struct Reading {
    GuestRange range;
    GuestOffset
        run_begin;  // where the run begins that it belongs to: what work_ handed out at once
    bool ends_run = false;
  };

  bool start_reading() {
    if (pieces_.empty() && !work_.take(pieces_)) return false;
    if (!run_begin_) run_begin_ = pieces_.front().begin;
    const std::size_t slot = next_ % readings_.size();
    GuestRange& piece = pieces_.front();
    readings_[slot] = {.range = piece.take_front(read_size_), .run_begin = *run_begin_};
    if (piece.length == 0) pieces_.erase(pieces_.begin());
    readings_[slot].ends_run = pieces_.empty();
    if (pieces_.empty()) run_begin_.reset();

    // Only the disk's last cluster may be incomplete. A base may go on where the disk ends.
    const GuestRange& range = readings_[slot].range;
    const std::uint64_t padded = align_up(range.length, geometry_.cluster_size());
    disk_.start(slot, range.begin, padded);
    if (base_) base_->start(slot, range.begin, padded);
    ++next_;
    return true;
  }

  void work_on(const Reading& reading, std::size_t slot) {
    const std::uint64_t size = geometry_.cluster_size();
    const auto data = disk_.get(slot);
    const auto base = base_ ? base_->get(slot) : std::span<const std::byte>();
    GuestCluster cluster = geometry_.cluster(reading.range.begin);
    for (std::uint64_t at = 0; at < reading.range.length; at += size, cluster += 1) {
      if (base_ && is_same(cluster, data.subspan(at, size), base.subspan(at, size))) continue;
      decide(cluster, data.subspan(at, size));
    }
  }

  // Whether a cluster is the same in both disks, as far as the guest sees it.
  [[nodiscard]] bool is_same(GuestCluster cluster, std::span<const std::byte> a,
                             std::span<const std::byte> b) const {
    const std::uint64_t seen = guest_end_ - geometry_.offset(cluster).value();
    return std::memcmp(a.data(), b.data(), std::min<std::uint64_t>(seen, a.size())) == 0;
  }

  void decide(GuestCluster cluster, std::span<const std::byte> data) {
    if (scan_.on_zeros != OnZeros::kStore && is_zero(data)) {
      if (scan_.on_zeros == OnZeros::kMark) map_.mark(ClusterKind::kZero, cluster, 1);
    } else if (!codec_ || !compress(cluster, data)) {
      map_.mark(ClusterKind::kData, cluster, 1);
    }
  }

  bool compress(GuestCluster cluster, std::span<const std::byte> data) {
    const std::size_t n = codec_->compress(data, store_->room(data.size() - 1));
    if (n == 0) return false;
    store_->append(n);
    compressed_.push_back({cluster, static_cast<std::uint32_t>(n)});
    return true;
  }

  void finish_run(const Reading& last) {
    if (!codec_) return;
    map_.mark_compressed(compressed_);
    compressed_.clear();
    store_->finish(geometry_.cluster(last.run_begin), geometry_.cluster(last.range.end() - 1) + 1);
  }

  const FullScan& scan_;
  SurveyWork& work_;
  const qcow2::Geometry& geometry_;
  ClusterMapBuilder& map_;
  const std::uint64_t guest_end_;
  const std::uint64_t read_size_;
  std::unique_ptr<Codec> codec_;  // null if nothing is compressed
  std::optional<CompressedStore::Writer> store_;

  std::vector<GuestRange> pieces_;        // what is still to be read
  std::optional<GuestOffset> run_begin_;  // where the run begins that these belong to
  std::vector<CompressedCluster> compressed_;

  std::vector<Reading> readings_;  // a ring
  std::uint64_t next_ = 0;
  std::uint64_t oldest_ = 0;
  Side disk_;
  std::optional<Side> base_;
};

}  // namespace

void scan_fully(const FullScan& scan, SurveyWork& work, const qcow2::Geometry& geometry,
                ClusterMapBuilder& map) {
  assert((scan.compression == nullptr) == (scan.store == nullptr));
  Worker(scan, work, geometry, map).run();
}

}  // namespace qcow2stream
