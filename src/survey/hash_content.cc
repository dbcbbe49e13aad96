// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/hash_content.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "disk/limited_disk.h"
#include "layout/layout.h"
#include "manifest/chunk_stream.h"
#include "manifest/content_tree.h"
#include "qcow2/geometry.h"
#include "qcow2stream/content.h"
#include "survey/answers.h"
#include "survey/disk_reads.h"
#include "survey/left_out_clusters.h"
#include "survey/parallel.h"
#include "survey/work.h"
#include "system/rate_limit.h"

namespace qcow2stream {
namespace {

// How much is read at once. It stays in the second level cache until it has been hashed.
constexpr std::uint64_t kHashedAtOnce = 256 << 10;

// One of the reads is hashed, the others keep the disk busy.
constexpr unsigned kReadsAhead = 4;

// What one worker does: it keeps reads in flight in the order of the disk.
class HashWorker {
 public:
  HashWorker(const Disk& disk, SurveyWork& work, ManifestBuilder& builder)
      : work_(work),
        chunks_(builder),
        readings_(std::max(1U, std::min(kReadsAhead, disk.traits().requests_in_flight))),
        disk_(disk, readings_.size(), kHashedAtOnce) {}

  void run() {
    for (;;) {
      while (next_ - oldest_ < readings_.size() && start_reading()) {
      }
      if (next_ == oldest_) break;
      const std::size_t slot = oldest_ % readings_.size();
      const GuestRange& range = readings_[slot];
      chunks_.add(range.begin, disk_.get(slot).first(range.length));
      work_.done(range.length);
      ++oldest_;
    }
    chunks_.finish();
  }

 private:
  bool start_reading() {
    if (at_ == pieces_.size()) {
      at_ = 0;
      if (!work_.take(pieces_)) {
        pieces_.clear();
        return false;
      }
    }
    GuestRange& piece = pieces_[at_];
    const std::size_t slot = next_ % readings_.size();
    readings_[slot] = piece.take_front(kHashedAtOnce);
    if (piece.length == 0) ++at_;
    disk_.start(slot, readings_[slot].begin, readings_[slot].length);
    ++next_;
    return true;
  }

  SurveyWork& work_;
  ChunkStream chunks_;
  std::vector<GuestRange> pieces_;  // what is still to be read, from at_ on
  std::size_t at_ = 0;
  std::vector<GuestRange> readings_;  // a ring
  std::uint64_t next_ = 0;
  std::uint64_t oldest_ = 0;
  DiskReads disk_;
};

}  // namespace

std::shared_ptr<ManifestBuilder> hash_runs(const Disk& disk, std::unique_ptr<RunCursor> runs,
                                           const HashedRuns& options) {
  auto builder =
      std::make_shared<ManifestBuilder>(virtual_size_of(disk.size()), options.chunk_bits);
  SurveyWork work(std::move(runs), disk.size(), 1, options.progress,
                  std::uint64_t{1} << options.chunk_bits);
  run_parallel(threads_to_work(options.threads), work,
               [&] { HashWorker(disk, work, *builder).run(); });
  work.complete();
  return builder;
}

std::shared_ptr<ManifestBuilder> hash_content(const Disk& disk, const HashOptions& options) {
  if (options.most_per_second != 0) {
    RateLimit limit(options.most_per_second);
    HashOptions unlimited = options;
    unlimited.most_per_second = 0;
    return hash_content(LimitedDisk(disk, limit), unlimited);
  }
  const qcow2::Geometry leaves{.cluster_bits =
                                   content_tree::kLeafBits};  // a list is asked in these
  auto runs = runs_of(options.allocation, disk, leaves);
  if (options.left_out != nullptr) {
    runs = without_left_out(std::move(runs),
                            left_out_clusters(*options.left_out, unit_geometry(*options.left_out)));
  }
  return hash_runs(
      disk, std::move(runs),
      {.chunk_bits = options.chunk_bits, .threads = options.threads, .progress = options.progress});
}

}  // namespace qcow2stream
