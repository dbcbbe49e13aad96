// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/survey.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "plan/cluster_map_builder.h"
#include "plan/layout.h"
#include "qcow2stream/error.h"
#include "spool/compressed_store.h"
#include "survey/allocation_map.h"
#include "survey/compress_scan.h"
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
    }
  }
}

std::unique_ptr<ExtentCursor> disk_extents(const Disk& disk, bool use_extents) {
  const GuestRange whole{GuestOffset(0), disk.size()};
  return use_extents ? disk.extents(whole) : disk.Disk::extents(whole);
}

void check_map_options(const ImageOptions& image, const SurveyOptions& options) {
  const char* reason = nullptr;
  if (options.scan == Scan::kNone) reason = "a map makes no sense where everything gets space";
  if (!options.use_extents) reason = "a map makes no sense without extents";
  if (image.data_file && image.data_file->raw) {
    reason = "a map makes no sense with a raw data file, which maps every cluster";
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
    for (unsigned i = 1; i < threads; ++i) others.emplace_back(guarded);
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
  if (disk.copy_descriptor < 0) threads = std::max(threads, kFewestForServers);
  return std::min(wanted != 0 ? wanted : threads, disk.queues);
}

unsigned threads_to_compress(unsigned wanted) {
  return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

// Compresses everything that `work` hands out.
std::shared_ptr<const CompressedStore> compress(const Disk& disk, const ImageOptions& image,
                                                const SurveyOptions& options, SurveyWork& work,
                                                ClusterMapBuilder& map) {
  auto store = std::make_shared<CompressedStore>(options.spool_memory, options.spool_directory);
  run_parallel(threads_to_compress(options.threads), work, [&] {
    compress_clusters(disk, work, geometry_of(image), *image.compression,
                      options.scan == Scan::kZeros, map, *store);
  });
  store->seal();
  return store;
}

}  // namespace

SurveyResult survey(const Disk& disk, const ImageOptions& image, const SurveyOptions& options) {
  check_disk_size(disk.name(), disk.size(), image);
  if (options.map_file) check_map_options(image, options);
  const qcow2::Geometry geometry = geometry_of(image);
  const ClusterCount clusters = geometry.clusters_for(virtual_size_of(disk.size()));
  ClusterMapBuilder map(geometry, clusters);

  const bool maps_everything =
      options.scan == Scan::kNone || (image.data_file && image.data_file->raw);
  if (maps_everything && !image.compression) {
    map.mark(ClusterKind::kData, GuestCluster(0), clusters);
    return {.map = map.finish(), .compressed = nullptr};
  }
  auto extents =
      options.map_file
          ? extents_of(read_allocation_map(*options.map_file, disk, geometry), disk.size())
          : disk_extents(disk, options.use_extents && !maps_everything);
  const std::uint64_t alignment = image.compression ? geometry.cluster_size() : 1;
  SurveyWork work(std::move(extents), disk.size(), alignment, options.progress);
  SurveyResult result;
  if (image.compression) {
    result.compressed = compress(disk, image, options, work, map);
  } else if (options.scan == Scan::kHoles) {
    mark_extents(work, geometry, map);
  } else {
    run_parallel(threads_to_probe(options.threads, disk.traits()), work,
                 [&] { scan_for_zeros(disk, work, geometry, map); });
  }
  result.map = map.finish();
  return result;
}

}  // namespace qcow2stream
