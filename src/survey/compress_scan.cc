// SPDX-License-Identifier: GPL-2.0-or-later
//
// Compressing takes ten times as long as reading from the page cache, so what matters is that a
// worker never waits for the disk: it keeps a few reads in flight, in the order of the disk, and
// compresses what the oldest one brings.

#include "survey/compress_scan.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

#include "base/bits.h"
#include "base/zero.h"
#include "codec/codec.h"

namespace qcow2stream {
namespace {

// What is read at once, if a cluster is not larger. Stays in the second level cache until it is
// compressed.
constexpr std::uint64_t kReadSize = 256 << 10;

// A worker has one that it compresses, the others keep the disk busy.
constexpr unsigned kReadsInFlight = 4;

class Worker {
 public:
  Worker(const Disk& disk, SurveyWork& work, const qcow2::Geometry& geometry,
         const Compression& compression, bool leave_out_zeros, ClusterMapBuilder& map,
         CompressedStore& store)
      : work_(work),
        geometry_(geometry),
        leave_out_zeros_(leave_out_zeros),
        map_(map),
        store_(store),
        codec_(make_codec(compression, static_cast<std::uint32_t>(geometry.cluster_size()))),
        readings_(std::clamp(disk.traits().requests_in_flight, 1U, kReadsInFlight)),
        queue_(disk.queue()) {
    for (Reading& reading : readings_) {
      reading.buffer.resize(std::max(kReadSize, geometry.cluster_size()));
    }
  }

  void run() {
    for (;;) {
      while (next_ - oldest_ < readings_.size() && start_reading()) {
      }
      if (next_ == oldest_) return;
      Reading& reading = slot(oldest_);
      while (!reading.done) slot(queue_->wait()).done = true;
      compress(reading);
      if (reading.ends_run) finish_run(reading);
      ++oldest_;
    }
  }

 private:
  struct Reading {
    GuestRange range;
    GuestOffset run_begin;  // of the run that it belongs to: what work_ handed out at once
    bool ends_run = false;
    bool done = false;
    std::vector<std::byte> buffer;
  };

  Reading& slot(std::uint64_t ticket) { return readings_[ticket % readings_.size()]; }

  bool start_reading() {
    if (pieces_.empty() && !work_.take(pieces_)) return false;
    if (run_begin_ == std::nullopt) run_begin_ = pieces_.front().begin;
    Reading& reading = slot(next_);
    GuestRange& piece = pieces_.front();
    const std::uint64_t n = std::min<std::uint64_t>(piece.length, reading.buffer.size());
    reading.range = {piece.begin, n};
    reading.run_begin = *run_begin_;
    reading.done = false;
    piece = {piece.begin + n, piece.length - n};
    if (piece.length == 0) pieces_.erase(pieces_.begin());
    reading.ends_run = pieces_.empty();
    if (reading.ends_run) run_begin_.reset();
    queue_->submit(reading.range.begin, std::span(reading.buffer).first(n), next_);
    ++next_;
    return true;
  }

  void compress(Reading& reading) {
    const std::uint64_t size = geometry_.cluster_size();
    // Only the disk's last cluster is not whole.
    const std::uint64_t padded = align_up(reading.range.length, size);
    std::fill(reading.buffer.begin() + static_cast<std::ptrdiff_t>(reading.range.length),
              reading.buffer.begin() + static_cast<std::ptrdiff_t>(padded), std::byte{0});
    GuestCluster cluster = geometry_.cluster(reading.range.begin);
    for (std::uint64_t at = 0; at < padded; at += size, cluster += 1) {
      compress(cluster, std::span(reading.buffer).subspan(at, size));
    }
  }

  void compress(GuestCluster cluster, std::span<const std::byte> data) {
    if (leave_out_zeros_ && is_zero(data)) return;
    const std::size_t n = codec_->compress(data, store_.room(data.size() - 1));
    if (n == 0) {
      map_.mark(ClusterKind::kData, cluster, 1);
      return;
    }
    store_.append(n);
    compressed_.push_back({cluster, static_cast<std::uint32_t>(n)});
  }

  void finish_run(const Reading& last) {
    map_.mark_compressed(compressed_);
    compressed_.clear();
    store_.finish(geometry_.cluster(last.run_begin), geometry_.cluster(last.range.end() - 1) + 1);
  }

  SurveyWork& work_;
  const qcow2::Geometry geometry_;
  const bool leave_out_zeros_;
  ClusterMapBuilder& map_;
  CompressedStore::Writer store_;
  std::unique_ptr<Codec> codec_;

  std::vector<GuestRange> pieces_;        // that are still to be read
  std::optional<GuestOffset> run_begin_;  // of the run that they belong to
  std::vector<CompressedCluster> compressed_;

  std::vector<Reading> readings_;  // a ring
  std::uint64_t next_ = 0;
  std::uint64_t oldest_ = 0;
  // Last, so that it goes first: nothing may be in flight when the buffers go.
  std::unique_ptr<RequestQueue> queue_;
};

}  // namespace

void compress_clusters(const Disk& disk, SurveyWork& work, const qcow2::Geometry& geometry,
                       const Compression& compression, bool leave_out_zeros, ClusterMapBuilder& map,
                       CompressedStore& store) {
  Worker(disk, work, geometry, compression, leave_out_zeros, map, store).run();
}

}  // namespace qcow2stream
