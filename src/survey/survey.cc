// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/survey.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/tell.h"
#include "disk/checked_runs.h"
#include "layout/cluster_map_builder.h"
#include "layout/layout.h"
#include "layout/subclusters.h"
#include "lists/allocation_map.h"
#include "lists/change_marker.h"
#include "lists/changed_map.h"
#include "qcow2stream/error.h"
#include "spool/compressed_store.h"
#include "survey/extents.h"
#include "survey/full_scan.h"
#include "survey/work.h"
#include "survey/zero_scan.h"

namespace qcow2stream {
namespace {

// The extents say what is data and are believed.
void mark_extents(SurveyWork& work, const qcow2::Geometry& geometry, ClusterMapBuilder& map) {
  std::vector<GuestRange> batch;
  while (work.take(batch)) {
    for (const GuestRange& piece : batch) {
      const GuestCluster first = geometry.cluster(piece.begin);
      const GuestCluster last = geometry.cluster(piece.end() - 1);
      map.mark(ClusterKind::kData, first, last - first + 1);
      work.done(piece.length);
    }
  }
}

std::unique_ptr<RunCursor> disk_extents(const Disk& disk, bool use_extents) {
  const GuestRange whole{GuestOffset(0), disk.size()};
  if (!use_extents) return disk.Disk::runs(whole);
  return checked_runs(disk.runs(whole), whole);
}

// Options that exclude each other.
void check_options(const ImageOptions& image, const SurveyOptions& options) {
  const bool raw_data_file = image.data_file && image.data_file->raw;
  const int increments =
      (options.base ? 1 : 0) + (options.changes ? 1 : 0) + (options.changed_map_file ? 1 : 0);
  const char* reason = nullptr;
  if (options.map_file) {
    if (options.scan == Scan::kNone) reason = "a map makes no sense where everything gets space";
    if (!options.use_extents) reason = "a map makes no sense without extents";
    if (raw_data_file) {
      reason = "a map makes no sense with a raw data file, which maps every cluster";
    }
    if (options.changes || options.changed_map_file) {
      reason = "a map makes no sense where a list says what has changed";
    }
  }
  if (increments > 1) reason = "there is one way to tell what has changed, not several";
  if (increments == 0 && image.backing_file) {
    reason = "an image with a backing file needs to be told what has changed";
  }
  if (increments > 0 && image.data_file) {
    reason = "an increment makes no sense with an external data file";
  }
  if (reason != nullptr) throw Error(ErrorKind::kUsage, "survey options", "", reason);
}

// Runs `worker` in `threads` threads, the calling one among them. The first exception stops the
// others and is thrown when all have ended.
template <class Worker>
void run_parallel(unsigned threads, SurveyWork& work, const Worker& worker) {
  std::mutex mutex;
  std::exception_ptr first_error;
  const auto guarded = [&] {
    try {
      worker();
    } catch (...) {
      work.stop();
      const std::lock_guard lock(mutex);
      if (!first_error) first_error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (unsigned i = 1; i < threads; ++i) others.emplace_back(guarded);
    } catch (const std::exception& error) {
      // The system has no more threads, or no memory for them: fewer do the same work.
      tell("survey", "another thread", error.what(),
           std::to_string(others.size() + 1) + " do the same work");
    }
    guarded();
  }
  if (first_error) std::rethrow_exception(first_error);
}

// Where the kernel cannot copy from the disk, a thread waits for a server more than it works, and
// only its own connection carries requests meanwhile: so there are some, however few cores. From
// nbdkit with --filter=delay rdelay=5ms 512 MiB took 2.2 s with two threads, 1.2 s with four.
constexpr unsigned kFewestForServers = 4;

unsigned threads_to_probe(unsigned wanted, const DiskTraits& disk) {
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  if (!disk.names_places) threads = std::max(threads, kFewestForServers);
  return std::min(wanted != 0 ? wanted : threads, disk.queues);
}

unsigned threads_to_work(unsigned wanted) {
  return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

// One survey, step by step.
class Survey {
 public:
  Survey(const Disk& disk, const ImageOptions& image, const SurveyOptions& options)
      : disk_(disk),
        image_(image),
        options_(options),
        geometry_(scan_geometry()),
        map_(geometry_, geometry_.clusters_for(virtual_size_of(disk.size()))) {}

  SurveyResult run() {
    SurveyResult result;
    if (options_.changes || options_.changed_map_file) {
      result = scan_changes();
    } else if (maps_everything() && !reads_everything()) {
      mark_all(ClusterKind::kData);
    } else {
      result = scan(all_extents(), on_zeros());
    }
    // It is not read again, so what it is now counts.
    if (options_.base) check_unchanged(*options_.base, options_.on_change);
    result.map = map_.finish();
    if (scans_subclusters()) result.map = group_subclusters(*result.map, geometry_of(image_));
    return result;
  }

 private:
  [[nodiscard]] bool is_increment() const {
    return options_.base || options_.changes || options_.changed_map_file;
  }

  // Increments tell subclusters apart. Compressed clusters have none, and where there is no backing
  // file below, nothing is gained.
  [[nodiscard]] bool scans_subclusters() const {
    return image_.extended_l2 && is_increment() && !image_.compression;
  }

  // As if each subcluster were a cluster.
  [[nodiscard]] qcow2::Geometry scan_geometry() const {
    qcow2::Geometry geometry = geometry_of(image_);
    if (scans_subclusters()) {
      geometry.cluster_bits -= qcow2::kSubclusterBits;
      geometry.extended_l2 = false;
    }
    return geometry;
  }

  [[nodiscard]] bool maps_everything() const {
    const bool all = options_.scan == Scan::kNone && !options_.base;
    return all || (image_.data_file && image_.data_file->raw);
  }
  [[nodiscard]] bool reads_everything() const { return image_.compression || options_.base; }

  [[nodiscard]] OnZeros on_zeros() const {
    if (!is_increment())
      return options_.scan == Scan::kZeros ? OnZeros::kLeaveOut : OnZeros::kStore;
    const bool mark = image_.backing_file && options_.scan != Scan::kNone;
    return mark ? OnZeros::kMark : OnZeros::kStore;
  }

  void mark_all(ClusterKind kind) {
    map_.mark(kind, GuestCluster(0), geometry_.clusters_for(virtual_size_of(disk_.size())));
  }

  [[nodiscard]] std::unique_ptr<RunCursor> all_extents() const {
    if (options_.map_file) {
      return with_base(extents_of(read_allocation_map(*options_.map_file, disk_, geometry_),
                                  Listed::kData, disk_.size()));
    }
    return with_base(disk_extents(disk_, options_.use_extents && !maps_everything()));
  }

  [[nodiscard]] std::unique_ptr<RunCursor> with_base(std::unique_ptr<RunCursor> extents) const {
    if (!options_.base) return extents;
    const Disk& base = *options_.base;
    auto base_extents =
        options_.base_map_file
            ? extents_of(read_allocation_map(*options_.base_map_file, base, geometry_),
                         Listed::kData, base.size())
            : disk_extents(base, options_.use_extents);
    // The guest sees the base behind the last byte of the disk, too, to the end of the sector.
    return union_of(std::move(extents), std::move(base_extents), virtual_size_of(disk_.size()));
  }

  // A list says what has changed. As scan().
  SurveyResult scan_changes() {
    const auto changes =
        options_.changes
            ? read_changes(*options_.changes, disk_.size(), geometry_, options_.use_extents)
            : read_changed_map(*options_.changed_map_file, disk_, geometry_);
    const OnZeros on_zeros_here = on_zeros();
    if (on_zeros_here == OnZeros::kMark) {
      copy_marks(*changes, ClusterKind::kZero, ClusterKind::kZero);
      // Where a cluster is found to be something else, that is stronger.
      copy_marks(*changes, ClusterKind::kData, ClusterKind::kZero);
      return scan(extents_of(changes, Listed::kData, disk_.size()), on_zeros_here);
    }
    if (image_.compression)
      return scan(extents_of(changes, Listed::kAll, disk_.size()), on_zeros_here);
    copy_marks(*changes, ClusterKind::kZero, ClusterKind::kData);
    copy_marks(*changes, ClusterKind::kData, ClusterKind::kData);
    return {};
  }

  void copy_marks(const ClusterMap& from, ClusterKind kind, ClusterKind as) {
    GuestCluster at = from.next(kind, GuestCluster(0));
    while (at < from.end()) {
      const GuestCluster end = from.next_other(kind, at);
      map_.mark(as, at, end - at);
      at = from.next(kind, end);
    }
  }

  // Looks into all data among `extents`, as closely as the options ask for. The map is not in the
  // result yet.
  SurveyResult scan(std::unique_ptr<RunCursor> extents, OnZeros on_zeros_here) {
    const std::uint64_t alignment = reads_everything() ? geometry_.cluster_size() : 1;
    SurveyWork work(std::move(extents), disk_.size(), alignment, options_.progress);
    SurveyResult result;
    if (reads_everything()) {
      result = read_all(work, on_zeros_here);
    } else if (options_.scan == Scan::kHoles) {
      mark_extents(work, geometry_, map_);
    } else {
      run_parallel(threads_to_probe(options_.threads, disk_.traits()), work,
                   [&] { scan_for_zeros(disk_, work, geometry_, map_); });
      result.surveyed = std::min<std::uint64_t>(kProbe, geometry_.cluster_size());
    }
    work.complete();
    return result;
  }

  SurveyResult read_all(SurveyWork& work, OnZeros on_zeros_here) {
    std::shared_ptr<CompressedStore> store;
    FullScan scan{.disk = disk_, .base = options_.base.get(), .on_zeros = on_zeros_here};
    if (image_.compression) {
      store = std::make_shared<CompressedStore>(options_.spool_memory, options_.spool_directory);
      scan.compression = &*image_.compression;
      scan.store = store.get();
    }
    run_parallel(threads_to_work(options_.threads), work,
                 [&] { scan_fully(scan, work, geometry_, map_); });
    if (store) store->seal();
    return {.compressed = store, .surveyed = geometry_.cluster_size()};
  }

  const Disk& disk_;
  const ImageOptions& image_;
  const SurveyOptions& options_;
  const qcow2::Geometry geometry_;
  ClusterMapBuilder map_;
};

}  // namespace

SurveyResult survey(const Disk& disk, const ImageOptions& image, const SurveyOptions& options) {
  check_disk_size(disk.name(), disk.size(), image);
  check_options(image, options);
  return Survey(disk, image, options).run();
}

}  // namespace qcow2stream
