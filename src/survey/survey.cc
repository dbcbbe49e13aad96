// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/survey.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "disk/limited_disk.h"
#include "layout/cluster_map_builder.h"
#include "layout/layout.h"
#include "layout/subclusters.h"
#include "qcow2stream/error.h"
#include "qcow2stream/stored_clusters.h"
#include "spool/compressed_store.h"
#include "survey/answers.h"
#include "survey/bitmap_survey.h"
#include "survey/changed_content.h"
#include "survey/extents.h"
#include "survey/full_scan.h"
#include "survey/hash_content.h"
#include "survey/left_out_changes.h"
#include "survey/left_out_clusters.h"
#include "survey/parallel.h"
#include "survey/stored_scan.h"
#include "survey/work.h"
#include "survey/zero_scan.h"
#include "system/cores.h"
#include "system/rate_limit.h"

namespace qcow2stream {
namespace {

// Gives space to all that the extents call data, without a look at it.
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

// Whether a list says what of the disk may hold data.
bool asks_list(const Question& what) {
  const auto is_list = [](const Allocation& allocation) {
    return std::holds_alternative<AllocationList>(allocation);
  };
  if (const auto* full = std::get_if<Full>(&what)) return is_list(full->allocation);
  if (const auto* against = std::get_if<Against>(&what)) return is_list(against->allocation);
  const auto* against = std::get_if<AgainstManifest>(&what);
  return against != nullptr && is_list(against->allocation);
}

const char* problem_of_left_out(const ImageOptions& image, const SurveyOptions& options) {
  if (options.scan == Scan::kNone) return "nothing can be left out where everything gets space";
  if (image.data_file) return "nothing can be left out of a data file, which stays as it is";
  const bool needs_base =
      std::holds_alternative<Against>(options.what) || std::holds_alternative<Only>(options.what);
  if (needs_base && options.base_image == nullptr) {
    return "an increment can leave something out only if there is a manifest of its base";
  }
  return nullptr;
}

// The reason why options make no sense that the types let pass; null if they do.
const char* problem_of(const ImageOptions& image, const SurveyOptions& options) {
  const bool is_full = std::holds_alternative<Full>(options.what);
  if (is_full && image.backing_file) {
    return "an image with a backing file needs to be told what has changed";
  }
  if (!is_full && image.data_file) {
    return "an increment makes no sense with an external data file";
  }
  if (options.left_out != nullptr) {
    if (const char* reason = problem_of_left_out(image, options)) return reason;
  }
  if (!asks_list(options.what)) return nullptr;
  if (image.data_file && image.data_file->raw) {
    return "a map makes no sense with a raw data file, which maps every cluster";
  }
  if (options.scan == Scan::kNone) return "a map makes no sense where everything gets space";
  return nullptr;
}

void check_options(const ImageOptions& image, const SurveyOptions& options) {
  if (const char* reason = problem_of(image, options)) {
    throw Error(ErrorKind::kUsage, "survey options", "", reason);
  }
}

// Where the kernel cannot copy from the disk, a thread waits for a server more than it works, and
// only its own connection carries requests meanwhile. So there are some threads, however few cores.
// From nbdkit with --filter=delay rdelay=5ms 512 MiB took 2.2 s with two threads, 1.2 s with four.
constexpr unsigned kFewestForServers = 4;

unsigned threads_to_probe(unsigned wanted, const DiskTraits& disk) {
  unsigned threads = cores();
  if (disk.places == DiskTraits::Places::kNone) threads = std::max(threads, kFewestForServers);
  return std::min(wanted != 0 ? wanted : threads, disk.queues);
}

// One survey, step by step.
class Survey {
 public:
  Survey(const Disk& disk, const ImageOptions& image, const SurveyOptions& options)
      : disk_(disk),
        image_(image),
        options_(options),
        geometry_(scan_geometry()),
        stored_(stored_of(disk, image)),
        map_(geometry_, geometry_.clusters_for(virtual_size_of(disk.size()))) {
    if (options.left_out != nullptr) left_out_ = left_out_clusters(*options.left_out, geometry_);
    if (options.base_image != nullptr) base_left_out_ = left_out_of_base(*options.base_image);
  }

  SurveyResult run() {
    SurveyResult result =
        std::visit([this](const auto& what) { return find(what); }, options_.what);
    result.content = content_;
    result.map = map_.finish();
    if (!content_) result.content = hash_rest(result.map);
    result.left_out = options_.left_out;
    result.left_out_clusters = left_out_;
    if (scans_subclusters()) result.map = group_subclusters(*result.map, geometry_of(image_));
    return result;
  }

 private:
  SurveyResult find(const Full& full) {
    const bool maps_everything =
        options_.scan == Scan::kNone || (image_.data_file && image_.data_file->raw);
    if (maps_everything && !image_.compression) {
      mark_all(ClusterKind::kData);
      return {};
    }
    const Allocation allocation = maps_everything ? Everything{} : full.allocation;
    return scan(without_left_out(runs_of(allocation, disk_, geometry_), left_out_), on_zeros());
  }

  SurveyResult find(const Against& against) {
    base_ = against.base.get();
    // The guest also sees the base behind the last byte of the disk, up to the end of the sector.
    auto runs = union_of(
        without_left_out(runs_of(against.allocation, disk_, geometry_), left_out_),
        without_left_out(runs_of(against.base_allocation, *base_, geometry_), base_left_out_),
        virtual_size_of(disk_.size()));
    SurveyResult result = scan(std::move(runs), on_zeros());
    // The base is not read again, so this is the time to see whether it has changed.
    check_unchanged(*base_, options_.on_change);
    return result;
  }

  SurveyResult find(const AgainstManifest& against) {
    base_manifest_ = against.base.get();
    auto runs = without_left_out(runs_of(against.allocation, disk_, geometry_), left_out_);
    return scan(union_of(std::move(runs), runs_of(*against.base), virtual_size_of(disk_.size())),
                on_zeros());
  }

  SurveyResult find(const Only& only) {
    auto changes = changes_of(only, disk_, geometry_);
    if (left_out_ != nullptr || base_left_out_ != nullptr) {
      const ChangesAndLeftOut all{.changes = *changes,
                                  .left_out = left_out_.get(),
                                  .base_left_out = base_left_out_.get(),
                                  .base = options_.base_image.get()};
      mark_left_out(all, map_);
      changes = changes_beside_left_out(all);
    }
    const OnZeros on_zeros_here = on_zeros();
    if (on_zeros_here == OnZeros::kMark) {
      copy_marks(*changes, ClusterKind::kZero, ClusterKind::kZero);
      // A cluster that is found to hold data becomes data, which is the stronger mark.
      copy_marks(*changes, ClusterKind::kData, ClusterKind::kZero);
      return scan(extents_of(changes, Listed::kData, disk_.size()), on_zeros_here);
    }
    if (image_.compression)
      return scan(extents_of(changes, Listed::kAll, disk_.size()), on_zeros_here);
    copy_marks(*changes, ClusterKind::kZero, ClusterKind::kData);
    copy_marks(*changes, ClusterKind::kData, ClusterKind::kData);
    return {};
  }

  [[nodiscard]] bool is_increment() const { return !std::holds_alternative<Full>(options_.what); }

  // Increments tell subclusters apart. Compressed clusters have none, and where there is no backing
  // file below, nothing is gained.
  [[nodiscard]] bool scans_subclusters() const {
    return image_.extended_l2 && is_increment() && !image_.compression;
  }

  // The geometry of the map that is filled: with subclusters, as if each of them were a cluster.
  [[nodiscard]] qcow2::Geometry scan_geometry() const {
    qcow2::Geometry geometry = geometry_of(image_);
    if (scans_subclusters()) {
      geometry.cluster_bits -= qcow2::kSubclusterBits;
      geometry.extended_l2 = false;
    }
    return geometry;
  }

  [[nodiscard]] bool reads_everything() const {
    return image_.compresses() || base_ != nullptr || base_manifest_ != nullptr;
  }

  [[nodiscard]] OnZeros on_zeros() const {
    if (!is_increment())
      return options_.scan == Scan::kZeros ? OnZeros::kLeaveOut : OnZeros::kStore;
    const bool mark = image_.backing_file && options_.scan != Scan::kNone;
    return mark ? OnZeros::kMark : OnZeros::kStore;
  }

  void mark_all(ClusterKind kind) {
    map_.mark(kind, GuestCluster(0), geometry_.clusters_for(virtual_size_of(disk_.size())));
  }

  void copy_marks(const ClusterMap& from, ClusterKind kind, ClusterKind as) {
    GuestCluster at = from.next(kind, GuestCluster(0));
    while (at < from.end()) {
      const GuestCluster end = from.next_other(kind, at);
      map_.mark(as, at, end - at);
      at = from.next(kind, end);
    }
  }

  // What of the disk can go out as it is stored; null: nothing.
  static const StoredClusters* stored_of(const Disk& disk, const ImageOptions& image) {
    if (!image.compression || !image.compression->keep) return nullptr;
    const StoredClusters* stored = disk.stored_clusters();
    const bool fits = stored != nullptr && stored->type() == image.compression->type &&
                      stored->cluster_size() == image.cluster_size;
    return fits ? stored : nullptr;
  }

  // Marks what among `extents` can go out as it is stored, without a look at what it decodes to.
  // Returns the rest.
  std::unique_ptr<RunCursor> keep_stored(std::unique_ptr<RunCursor> extents) {
    SurveyWork work(std::move(extents), disk_.size(), geometry_.cluster_size(), options_.progress);
    ClusterMapBuilder rest(geometry_, geometry_.clusters_for(virtual_size_of(disk_.size())));
    StoredPlaces places;
    run_parallel(threads_to_work(options_.threads), work,
                 [&] { find_stored(*stored_, work, geometry_, map_, rest, places); });
    places.check(disk_.name());
    work.complete();
    return extents_of(rest.finish(), Listed::kData, disk_.size());
  }

  // What differs from a base has been found. Marks what of it can go out as it is stored.
  void keep_stored_of_map() {
    const auto found = map_.finish();
    copy_marks(*found, ClusterKind::kZero, ClusterKind::kZero);
    SurveyWork rest(keep_stored(extents_of(found, Listed::kData, disk_.size())), disk_.size(), 1,
                    nullptr);
    mark_extents(rest, geometry_, map_);
  }

  // Looks into all data among `extents`, as closely as the options ask for. The map is not in the
  // result yet.
  SurveyResult scan(std::unique_ptr<RunCursor> extents, OnZeros on_zeros_here) {
    const bool keeps_first = stored_ != nullptr && !reads_everything();
    if (keeps_first) extents = keep_stored(std::move(extents));
    std::uint64_t alignment = reads_everything() ? geometry_.cluster_size() : 1;
    std::uint64_t unit = 1;
    if (reads_everything() && begin_hashing()) {
      unit = std::uint64_t{1} << content_->chunk_bits();
      if (base_manifest_ != nullptr) alignment = std::max(alignment, unit);
    }
    SurveyWork work(std::move(extents), disk_.size(), alignment,
                    keeps_first ? nullptr : options_.progress, std::max(unit, alignment));
    SurveyResult result;
    if (reads_everything()) {
      result = read_all(work, on_zeros_here);
      if (stored_ != nullptr) keep_stored_of_map();
    } else if (options_.scan == Scan::kHoles || on_zeros_here == OnZeros::kStore) {
      mark_extents(work, geometry_, map_);
    } else {
      run_parallel(threads_to_probe(options_.threads, disk_.traits()), work,
                   [&] { scan_for_zeros(disk_, work, geometry_, map_); });
      result.surveyed = std::min<std::uint64_t>(kProbe, geometry_.cluster_size());
    }
    work.complete();
    return result;
  }

  // Whether what is read is to be hashed at the same time. Changes of which somebody tells are not
  // all that there is to hash.
  bool begin_hashing() {
    std::optional<unsigned> bits = options_.hash_chunk_bits;
    if (std::holds_alternative<Only>(options_.what)) bits.reset();
    if (base_manifest_ != nullptr) bits = base_manifest_->header().chunk_bits;
    if (!bits) return false;
    content_ = std::make_shared<ManifestBuilder>(virtual_size_of(disk_.size()), *bits);
    return true;
  }

  // What has not been read for another reason, if it is to be hashed.
  std::shared_ptr<const ManifestBuilder> hash_rest(const std::shared_ptr<const ClusterMap>& map) {
    const HashedRuns how{.chunk_bits = options_.hash_chunk_bits.value_or(kDefaultChunkBits),
                         .threads = options_.threads,
                         .progress = options_.progress};
    const auto* only = std::get_if<Only>(&options_.what);
    if (only != nullptr && only->base != nullptr) {
      return hash_changed(disk_, without_left_out(runs_to_hash(map), left_out_), map, *only->base,
                          how);
    }
    if (!options_.hash_chunk_bits) return nullptr;
    return hash_runs(disk_, without_left_out(runs_to_hash(map), left_out_), how);
  }

  // A full image has all that is not zeros in what its map has, unless that is everything.
  std::unique_ptr<RunCursor> runs_to_hash(const std::shared_ptr<const ClusterMap>& map) {
    if (const auto* only = std::get_if<Only>(&options_.what)) {
      const Allocation all = only->believe_zeros ? Allocation(DiskItself{}) : Everything{};
      return runs_of(all, disk_, geometry_);
    }
    const bool has_everything = options_.scan == Scan::kNone || image_.data_file;
    if (has_everything) return runs_of(DiskItself{}, disk_, geometry_);
    return extents_of(map, Listed::kAll, disk_.size());
  }

  SurveyResult read_all(SurveyWork& work, OnZeros on_zeros_here) {
    std::shared_ptr<CompressedStore> store;
    FullScan scan{.disk = disk_,
                  .base = base_,
                  .base_manifest = base_manifest_,
                  .on_zeros = on_zeros_here,
                  .left_out = left_out_.get(),
                  .base_left_out = base_left_out_.get(),
                  .content = content_.get()};
    if (image_.compresses()) {
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
  const StoredClusters* stored_;  // what is kept is looked for there; null: nothing is
  ClusterMapBuilder map_;
  std::shared_ptr<const ClusterMap> left_out_;       // null: nothing is
  std::shared_ptr<const ClusterMap> base_left_out_;  // null: nothing was
  const Disk* base_ = nullptr;                       // what differs from it is looked for
  const Manifest* base_manifest_ = nullptr;
  std::shared_ptr<ManifestBuilder> content_;  // null: what is read is not hashed
};

SurveyResult survey_at_rate(const Disk& disk, const ImageOptions& image, SurveyOptions options) {
  RateLimit limit(options.most_per_second);
  const LimitedDisk limited(disk, limit);
  std::shared_ptr<const Disk> base;
  if (auto* against = std::get_if<Against>(&options.what)) {
    base = against->base;
    against->base = std::make_shared<const LimitedDisk>(*base, limit);
  }
  options.most_per_second = 0;
  return survey(limited, image, options);
}

}  // namespace

SurveyResult survey(const Disk& disk, const ImageOptions& image, const SurveyOptions& options) {
  check_disk_size(disk.name(), disk.size(), image);
  check_options(image, options);
  if (options.most_per_second != 0) return survey_at_rate(disk, image, options);
  SurveyResult result = Survey(disk, image, options).run();
  if (image.bitmaps) result.bitmaps = survey_bitmaps(disk, image);
  return result;
}

}  // namespace qcow2stream
