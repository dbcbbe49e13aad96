// SPDX-License-Identifier: GPL-2.0-or-later

#include "c_api/settings.h"

#include <memory>

#include "c_api/error.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream::c_api {
namespace {

// In each cluster of an image with extended L2 entries (specification).
constexpr std::uint64_t kSubclusters = 32;

std::shared_ptr<const Manifest> load_manifest(const std::optional<std::string>& path) {
  if (!path) return nullptr;
  return std::make_shared<const Manifest>(Manifest::load(*path));
}

}  // namespace

ImageOptions image_options(const Settings& settings, const std::string& disk_name) {
  ImageOptions image = settings.image;
  if (settings.deflate_window) {
    if (!image.compression) refuse_use("deflate-window", "nothing is compressed");
    image.compression->deflate_window = *settings.deflate_window;
  }
  if (settings.data_file || settings.data_file_raw) {
    const std::string name = settings.data_file.value_or("");
    image.data_file =
        DataFile{.name = name.empty() ? disk_name : name, .raw = settings.data_file_raw};
  }
  if (settings.backing_file.has_value() != settings.backing_format.has_value()) {
    refuse_use(settings.backing_file ? "backing-file" : "backing-format",
               "backing-file and backing-format go together");
  }
  if (settings.backing_file) {
    image.backing_file = BackingFile{.name = file_backing_name(*settings.backing_file),
                                     .format = *settings.backing_format};
  }
  if (const auto problem = find_problem(image)) refuse_use("options of the image", problem->reason);
  return image;
}

std::uint64_t increment_unit(const Settings& settings) {
  const ImageOptions& image = settings.image;
  const bool has_subclusters = image.extended_l2 && !image.compression;
  return has_subclusters ? image.cluster_size / kSubclusters : image.cluster_size;
}

TargetOptions target_options(const Settings& settings) {
  TargetUse use = TargetUse::kReplace;
  if (settings.apply || settings.skip_equal) use = TargetUse::kChange;
  if (settings.compare) use = TargetUse::kReadOnly;
  return {.use = use,
          .overwrite = settings.overwrite,
          .reads_as_zeros = settings.target_is_zero,
          .force_share = settings.force_share};
}

RestoreOptions restore_options(const Settings& settings) {
  if (settings.skip_equal && settings.compare) {
    refuse_use("compare", "it writes nothing, and skip-equal writes what differs");
  }
  RestoreOptions restore;
  if (settings.skip_equal) restore.writing = RestoreOptions::Writing::kDifferences;
  if (settings.compare) restore.writing = RestoreOptions::Writing::kNothing;
  restore.apply = settings.apply;
  restore.sparse = !settings.no_sparse;
  restore.threads = settings.threads;
  restore.spool_memory = settings.spool_memory.value_or(restore.spool_memory);
  restore.spool_directory = settings.spool_directory;
  restore.max_size = settings.max_size;
  restore.isolate = settings.isolate;
  restore.most_per_second = settings.limit_rate;
  restore.expected = {.manifest = load_manifest(settings.manifest),
                      .root = settings.expect_root,
                      .base = load_manifest(settings.base_manifest),
                      .trust_target = settings.trust_target,
                      .ignore_own = settings.ignore_root};
  return restore;
}

}  // namespace qcow2stream::c_api
