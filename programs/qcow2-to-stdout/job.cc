// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/job.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "common/usage_error.h"
#include "qcow2-to-stdout/digest_files.h"
#include "qcow2-to-stdout/disk_rules.h"
#include "qcow2-to-stdout/job_rules.h"
#include "qcow2-to-stdout/output_rules.h"
#include "qcow2-to-stdout/plan_options.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// In each cluster of an image with extended L2 entries (specification).
constexpr std::uint64_t kSubclusters = 32;

// What stands for standard input in a list of checksums.
constexpr const char* kNoName = "-";

// --- the image ----------------------------------------------------------------------------------

ImageOptions image_as_said(const CommandLine& said) {
  ImageOptions image;
  image.cluster_size = said.cluster_size.value_or(image.cluster_size);
  image.refcount_bits = said.refcount_bits.value_or(image.refcount_bits);
  image.version = said.version.value_or(image.version);
  image.extended_l2 = said.extended_l2;
  image.bitmaps = said.bitmaps;
  image.compression = said.compression;
  if (said.deflate_window) image.compression->deflate_window = *said.deflate_window;
  if (said.data_file || said.data_file_raw) {
    image.data_file = DataFile{.name = said.data_file_name.value_or(name_of(said_disk(said))),
                               .raw = said.data_file_raw};
  }
  if (said.backing_file) {
    image.backing_file =
        BackingFile{.name = file_backing_name(*said.backing_file), .format = *said.backing_format};
  }
  return image;
}

// As the image is whose content DISK shows.
void take_cluster_size(ImageOptions& image, std::uint64_t size, const std::string& file) {
  image.cluster_size = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(size, std::numeric_limits<std::uint32_t>::max()));
  if (const auto problem = find_problem(image)) {
    throw Error(ErrorKind::kFailed, file, "gives no image", problem->reason);
  }
}

// An image that is made together with a manifest says of what content it is.
std::optional<RootRecord> root_record_of(const CommandLine& said, const JobFiles& files) {
  if (!said.save_manifest && !said.base_manifest) return std::nullopt;
  RootRecord record{.trailer = !said.no_root_trailer};
  if (files.base_manifest) record.parent = files.base_manifest->header().root;
  return record;
}

ImageOptions image_of(const CommandLine& said, const JobFiles& files) {
  ImageOptions image = image_as_said(said);
  image.root_record = root_record_of(said, files);
  check_image(image);
  if (files.plan) {
    check_same_as_plan(said, image, *files.plan);
    return files.plan->options;
  }
  const bool takes_size = files.info && files.info->cluster_size && !said.cluster_size;
  if (takes_size && !said.plan) take_cluster_size(image, *files.info->cluster_size, *said.info);
  return image;
}

// --- DISK and the base --------------------------------------------------------------------------

// The unit in which the image leaves parts to its backing file.
std::uint64_t increment_unit(const ImageOptions& image) {
  const bool subclusters = image.extended_l2 && !image.compression;
  return subclusters ? image.cluster_size / kSubclusters : image.cluster_size;
}

bool is_increment(const CommandLine& said) {
  return said.base || said.dirty_bitmap || said.shallow || said.changed_map || said.base_manifest;
}

// Whether all of the content may be looked at, whatever has changed.
bool needs_whole_disk(const CommandLine& said, const JobFiles& files) {
  return said.save_manifest || said.base_manifest || said.measure == MeasureFormat::kRoot ||
         (files.plan &&
          (files.plan->survey.content != nullptr || files.plan->survey.left_out != nullptr));
}

// The emission can hash what it sends only if that is all of the content, as it is.
bool survey_has_to_hash(const CommandLine& said) {
  if (!said.save_manifest) return false;
  return said.save_plan || said.measure || said.offset || said.length || said.part ||
         said.compression || said.data_file || said.data_file_raw || said.base ||
         said.dirty_bitmap || said.shallow || said.changed_map;
}

// What leaves something out might not get to the end of a stream, which has to be looked at;
// compressing reads what it has no memory for a second time, and so does what was compared.
bool is_one_pass(const CommandLine& said, const ImageOptions& image) {
  return said.scan == Scan::kNone && !image.compression && !said.base && !said.changed_map &&
         said.format.value_or("raw") == "raw" && !said.base_manifest && !survey_has_to_hash(said) &&
         said.measure != MeasureFormat::kRoot;
}

NbdOptions nbd_options(const CommandLine& said) {
  NbdOptions nbd;
  nbd.connections = said.connections.value_or(nbd.connections);
  nbd.requests = said.requests.value_or(nbd.requests);
  nbd.timeout = said.timeout.value_or(nbd.timeout);
  return nbd;
}

std::optional<std::uint64_t> virtual_size(const std::optional<HeaderInfo>& info) {
  return info ? std::optional(info->virtual_size) : std::nullopt;
}

// How many images of a chain are told apart from those below them; 0: none. A plan of what the top
// images hold needs no more of the disk than that.
std::uint64_t top_images(const CommandLine& said, const JobFiles& files) {
  if (said.shallow) return *said.shallow;
  const bool can_be_told = said.format.value_or("raw") != "raw";
  return files.plan && can_be_told ? files.plan->top_images : 0;
}

Input disk_of(const CommandLine& said, const JobFiles& files, const ImageOptions& image) {
  Input disk{.source = said_disk(said),
             .reading = {.format = said.format,
                         .nbd = nbd_options(said),
                         .snapshot = said.snapshot,
                         .carry_bitmaps = image.bitmaps,
                         .isolate = said.isolate,
                         .force_share = said.force_share,
                         .salvage = said.salvage,
                         .only_first = virtual_size(files.info),
                         .in_one_pass = is_one_pass(said, image),
                         .spool_directory = said.spool_directory}};
  disk.reading.nbd.bitmap = said.dirty_bitmap;
  if (const std::uint64_t images = top_images(said, files)) {
    disk.reading.top = TopImages{.images = images,
                                 .unit = increment_unit(image),
                                 .whole_chain = needs_whole_disk(said, files)};
  }
  return disk;
}

std::optional<Input> base_of(const CommandLine& said, const JobFiles& files) {
  if (!said.base) return std::nullopt;
  return Input{.source = *said.base,
               .reading = {.format = said.base_format,
                           .nbd = nbd_options(said),
                           .isolate = said.isolate,
                           .force_share = said.force_share,
                           .only_first = virtual_size(files.base_info)}};
}

// --- the rest -----------------------------------------------------------------------------------

Allocation allocation_of(const CommandLine& said, const std::optional<std::string>& list) {
  if (list) return AllocationList{*list};
  if (said.no_extents) return Everything{};
  return DiskItself{};
}

// What a list does not have is no part of the content then.
std::optional<std::uint32_t> listed_unit(const CommandLine& said, const ImageOptions& image) {
  const bool is_hashed =
      said.save_manifest || said.base_manifest || said.measure == MeasureFormat::kRoot;
  if (!said.map || !is_hashed) return std::nullopt;
  const bool is_increment = said.base || said.base_manifest;
  return is_increment ? static_cast<std::uint32_t>(increment_unit(image)) : image.cluster_size;
}

SurveyJob survey_of(const CommandLine& said, const JobFiles& files, const ImageOptions& image) {
  SurveyJob survey{
      .scan = said.scan.value_or(Scan::kZeros),
      .allocation = allocation_of(said, said.map),
      .base_allocation = allocation_of(said, said.base_map),
      .listed_unit = listed_unit(said, image),
      .leave_out = said.leave_out,
      .leave_out_unit = is_increment(said) ? increment_unit(image) : image.cluster_size,
      .base_manifest = files.base_manifest,
      .threads = said.threads.value_or(0),
      .spool_memory = said.spool_memory,
      .spool_directory = said.spool_directory};
  if (survey_has_to_hash(said)) {
    survey.hash_chunk_bits = said.manifest_chunk_bits.value_or(kDefaultChunkBits);
  }
  // What was compared, or is told, is not looked at in chunks by itself.
  if (files.base_manifest && (said.base || said.dirty_bitmap || said.shallow || said.changed_map)) {
    survey.hash_chunk_bits = files.base_manifest->header().chunk_bits;
  }
  if (said.changed_map) survey.changed = ChangedList{*said.changed_map};
  return survey;
}

// DISK's last part without its ending, and that of the format. What is no name of a file has none.
std::string mounted_name(const CommandLine& said) {
  const Source disk = said_disk(said);
  const auto* file = std::get_if<File>(&disk);
  std::string name = file != nullptr ? file->path : "";
  name.erase(0, name.rfind('/') + 1);
  if (const auto dot = name.rfind('.'); dot != std::string::npos && dot > 0) name.erase(dot);
  return (name.empty() ? "disk" : name) + (is_raw_wanted(said) ? ".raw" : ".qcow2");
}

OutputJob output_of(const CommandLine& said) {
  std::optional<MountJob> mount;
  if (said.mount) mount = MountJob{*said.mount, said.name.value_or(mounted_name(said))};
  return {.measure = said.measure,
          .mount = std::move(mount),
          .raw = is_raw_wanted(said),
          .command = said.run,
          .range = {.offset = said.offset, .length = said.length, .part = said.part},
          .if_match = said.if_match,
          .digests = algorithms_of(said.digests),
          .threads = said.threads.value_or(0),
          .flush = said.flush};
}

std::vector<std::string> read_files_of(const CommandLine& said) {
  std::vector<std::string> files;
  for (const auto& name : {said.plan, said.map, said.changed_map, said.base_map, said.info,
                           said.base_info, said.base_manifest}) {
    if (name) files.push_back(*name);
  }
  return files;
}

}  // namespace

JobFiles read_job_files(const CommandLine& said) {
  JobFiles files;
  if (said.plan) files.plan = load_plan(*said.plan);
  if (said.info) files.info = read_header_info(*said.info);
  if (said.base_info) files.base_info = read_header_info(*said.base_info);
  if (said.base_manifest) {
    files.base_manifest = std::make_shared<const Manifest>(Manifest::load(*said.base_manifest));
  }
  return files;
}

Job make_job(const CommandLine& said, const JobFiles& files) {
  check_rules(said);
  const ImageOptions image = image_of(said, files);
  Job job{.disk = disk_of(said, files, image),
          .base = base_of(said, files),
          .image = image,
          .survey = survey_of(said, files, image),
          .output = output_of(said),
          .beside = {.digests = said.digests,
                     .digest_name = said.name.value_or(kNoName),
                     .save_plan = said.save_plan,
                     .save_manifest = said.save_manifest,
                     .manifest_chunk_bits = said.manifest_chunk_bits.value_or(kDefaultChunkBits),
                     .report = said.report},
          .telling = {.progress = said.progress,
                      .progress_fd = said.progress_fd,
                      .quiet = said.quiet,
                      .verbose = said.verbose},
          .most_per_second = said.limit_rate.value_or(0),
          .allow_changes = said.allow_changes,
          .read_files = read_files_of(said)};
  if (files.plan) job.planned = PlannedJob{*files.plan, said.assume_unchanged};
  return job;
}

}  // namespace qcow2stream::cli
