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
#include "manifest/chunk_stream.h"
#include "survey/disk_reads.h"

namespace qcow2stream {
namespace {

// How much is read at once, unless a cluster is larger. It stays in the second level cache until it
// has been worked on.
constexpr std::uint64_t kReadSize = 256 << 10;

// One of the reads is worked on, the others keep the disk busy.
constexpr unsigned kReadsInFlight = 4;

// Chunks of more than this need not be so many.
constexpr std::uint64_t kLargeRead = 2 << 20;
constexpr unsigned kLargeReadsInFlight = 2;

// What has to be read at once besides a cluster; 0: nothing.
std::uint64_t chunk_size(const FullScan& scan) {
  if (scan.base_manifest == nullptr) return 0;
  return std::uint64_t{1} << scan.base_manifest->header().chunk_bits;
}

unsigned reads_in_flight(const FullScan& scan) {
  const bool are_large = chunk_size(scan) > kLargeRead;
  unsigned most = std::min(are_large ? kLargeReadsInFlight : kReadsInFlight,
                           scan.disk.traits().requests_in_flight);
  if (scan.base != nullptr) most = std::min(most, scan.base->traits().requests_in_flight);
  return std::max(1U, most);
}

// The chunks of a base of which there is a manifest, and which of those that were read differ.
class BaseDigests {
 public:
  explicit BaseDigests(const FullScan& scan)
      : content_(*scan.content),
        bits_(scan.base_manifest->header().chunk_bits),
        hasher_(bits_),
        chunks_(scan.base_manifest->chunk_count()),
        cursor_(*scan.base_manifest) {}

  // `range` are whole chunks, unless it ends where the disk does. `data` begins with its bytes.
  void compare(GuestRange range, std::span<const std::byte> data) {
    same_.clear();
    first_ = range.begin.value() >> bits_;
    for (std::uint64_t chunk = first_; range.length > 0; ++chunk) {
      const std::uint64_t n = range.take_front(std::uint64_t{1} << bits_).length;
      const ContentDigest digest = hasher_.digest(data.first(n));
      data = data.subspan(n);
      content_.set(chunk, digest);
      same_.push_back(chunk < chunks_ ? digest == cursor_.at(chunk).digest
                                      : hasher_.is_zeros(digest));
    }
  }

  // Whether all chunks are the same of which the cluster has a part.
  [[nodiscard]] bool is_same(GuestOffset cluster, std::uint64_t size) const {
    const std::size_t first = (cluster.value() >> bits_) - first_;
    const std::size_t end = ((cluster.value() + size - 1) >> bits_) - first_ + 1;
    return std::all_of(same_.begin() + static_cast<std::ptrdiff_t>(first),
                       same_.begin() + static_cast<std::ptrdiff_t>(std::min(end, same_.size())),
                       [](bool same) { return same; });
  }

 private:
  ManifestBuilder& content_;
  const unsigned bits_;
  ChunkHasher hasher_;
  const std::uint64_t chunks_;  // of the base
  Manifest::Cursor cursor_;
  std::uint64_t first_ = 0;  // chunk that was compared
  std::vector<bool> same_;
};

class Worker {
 public:
  Worker(const FullScan& scan, SurveyWork& work, const qcow2::Geometry& geometry,
         ClusterMapBuilder& map)
      : scan_(scan),
        work_(work),
        geometry_(geometry),
        map_(map),
        guest_end_(virtual_size_of(scan.disk.size())),
        read_size_(std::max({kReadSize, geometry.cluster_size(), chunk_size(scan)})),
        readings_(reads_in_flight(scan)),
        disk_(scan.disk, readings_.size(), read_size_, scan.left_out) {
    if (scan.base != nullptr) {
      base_.emplace(*scan.base, readings_.size(), read_size_, scan.base_left_out);
    }
    if (scan.base_manifest != nullptr) {
      base_digests_.emplace(scan);
    } else if (scan.content != nullptr) {
      chunks_.emplace(*scan.content);
    }
    if (scan.compression != nullptr) {
      codec_ = make_codec(*scan.compression, static_cast<std::uint32_t>(geometry.cluster_size()));
      store_.emplace(*scan.store);
    }
  }

  void run() {
    for (;;) {
      while (next_ - oldest_ < readings_.size() && start_reading()) {
      }
      if (next_ == oldest_) break;
      const std::size_t slot = oldest_ % readings_.size();
      work_on(readings_[slot], slot);
      work_.done(readings_[slot].range.length);
      if (readings_[slot].ends_run) finish_run(readings_[slot]);
      ++oldest_;
    }
    if (chunks_) chunks_->finish();
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
    if (chunks_) chunks_->add(reading.range.begin, data.first(reading.range.length));
    if (base_digests_) base_digests_->compare(reading.range, data);
    GuestCluster cluster = geometry_.cluster(reading.range.begin);
    for (std::uint64_t at = 0; at < reading.range.length; at += size, cluster += 1) {
      if (base_ && is_same(cluster, data.subspan(at, size), base.subspan(at, size))) continue;
      if (base_digests_ && base_digests_->is_same(geometry_.offset(cluster), size)) continue;
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
    if (scan_.left_out != nullptr && scan_.left_out->kind_of(cluster)) {
      map_.mark(ClusterKind::kZero, cluster, 1);
    } else if (scan_.on_zeros != OnZeros::kStore && is_zero(data)) {
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
  DiskReads disk_;
  std::optional<DiskReads> base_;
  std::optional<BaseDigests> base_digests_;
  std::optional<ChunkStream> chunks_;
};

}  // namespace

void scan_fully(const FullScan& scan, SurveyWork& work, const qcow2::Geometry& geometry,
                ClusterMapBuilder& map) {
  assert((scan.compression == nullptr) == (scan.store == nullptr));
  assert(scan.base_manifest == nullptr || (scan.base == nullptr && scan.content != nullptr));
  Worker(scan, work, geometry, map).run();
}

}  // namespace qcow2stream
