// SPDX-License-Identifier: GPL-2.0-or-later
//
// A few KiB prove that a cluster is not zero, and most clusters that a disk has space for are not.
// So a worker reads the first kProbe bytes of each and looks at the rest only where they are zeros.
// Where one cluster after the other turns out to be zeros (a disk written densely), probing only
// costs extra requests; there it reads whole stretches in sequence until data turns up again.

#include "survey/zero_scan.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "base/bits.h"
#include "base/zero.h"

namespace qcow2stream {
namespace {

// One page: the least that a read from the page cache or the disk costs anyway.
constexpr std::uint64_t kProbe = 4096;

// What is read at once where zeros were found. Fits into a core's second level cache, so that the
// zero test reads what the copy has just written.
constexpr std::uint64_t kStretch = 256 << 10;

// So many zero clusters in a row, and the worker stops probing.
constexpr unsigned kZerosBeforeStretch = 4;

class Scanner {
 public:
  Scanner(const Disk& disk, SurveyWork& work, const qcow2::Geometry& geometry,
          ClusterMapBuilder& map)
      : work_(work), geometry_(geometry), map_(map), queue_(disk.queue()) {
    const unsigned depth = std::max(1U, disk.traits().requests_in_flight);
    buffers_.resize(depth * kStretch);
    requests_.resize(depth);
    for (std::uint64_t tag = 0; tag < depth; ++tag) free_.push_back(tag);
  }

  void run() {
    for (;;) {
      while (!free_.empty()) {
        const auto range = next_range();
        if (!range) break;
        const std::uint64_t tag = free_.back();
        free_.pop_back();
        submit(tag, *range);
      }
      if (free_.size() == requests_.size()) return;
      finish(queue_->wait());
    }
  }

 private:
  struct Request {
    GuestRange reading;  // in flight
    GuestOffset end;     // of what the request has to decide: beyond `reading` if that is a probe
  };

  // The next cluster's part or stretch of clusters that nobody has looked at.
  std::optional<GuestRange> next_range() {
    while (piece_.length == 0) {
      if (next_piece_ == batch_.size()) {
        next_piece_ = 0;
        if (!work_.take(batch_)) {
          batch_.clear();
          return std::nullopt;
        }
      }
      piece_ = batch_[next_piece_++];
    }
    const std::uint64_t want = zeros_in_a_row_ >= kZerosBeforeStretch
                                   ? std::max(kStretch, geometry_.cluster_size())
                                   : geometry_.cluster_size();
    const GuestOffset cut(align_down(piece_.begin.value() + want, geometry_.cluster_size()));
    const GuestRange range{piece_.begin, std::min(cut, piece_.end()) - piece_.begin};
    piece_ = {range.end(), piece_.length - range.length};
    return range;
  }

  void submit(std::uint64_t tag, GuestRange range) {
    const std::uint64_t most = zeros_in_a_row_ >= kZerosBeforeStretch ? kStretch : kProbe;
    read(tag, {range.begin, std::min(most, range.length)}, range.end());
  }

  void read(std::uint64_t tag, GuestRange reading, GuestOffset end) {
    requests_[tag] = {reading, end};
    queue_->submit(reading.begin, buffer(tag, reading.length), tag);
  }

  std::span<std::byte> buffer(std::uint64_t tag, std::uint64_t length) {
    return std::span(buffers_).subspan(tag * kStretch, length);
  }

  // Looks at what has been read, cluster by cluster, and reads on where that decides nothing.
  void finish(std::uint64_t tag) {
    const auto [reading, end] = requests_[tag];
    GuestOffset at = reading.begin;
    while (at < reading.end()) {
      const GuestOffset cluster_end = geometry_.offset(geometry_.cluster(at) + 1);
      const GuestOffset stop = std::min(cluster_end, reading.end());
      const bool zero = is_zero(buffer(tag, reading.length).subspan(at - reading.begin, stop - at));
      if (!zero) {
        map_.mark_data(geometry_.cluster(at), 1);
        zeros_in_a_row_ = 0;
      } else if (stop == std::min(cluster_end, end)) {
        ++zeros_in_a_row_;
      }
      // Data anywhere decides the whole cluster.
      at = zero ? stop : std::min(cluster_end, end);
    }
    if (at >= end) {
      free_.push_back(tag);
      return;
    }
    read(tag, {at, std::min(kStretch, end - at)}, end);
  }

  SurveyWork& work_;
  const qcow2::Geometry& geometry_;
  ClusterMapBuilder& map_;
  std::vector<std::byte> buffers_;
  std::vector<Request> requests_;
  std::vector<std::uint64_t> free_;
  std::vector<GuestRange> batch_;
  std::size_t next_piece_ = 0;
  GuestRange piece_;
  unsigned zeros_in_a_row_ = 0;
  // Last, so that it goes first: nothing may be in flight when the buffers go.
  std::unique_ptr<RequestQueue> queue_;
};

}  // namespace

void scan_for_zeros(const Disk& disk, SurveyWork& work, const qcow2::Geometry& geometry,
                    ClusterMapBuilder& map) {
  Scanner(disk, work, geometry, map).run();
}

}  // namespace qcow2stream
