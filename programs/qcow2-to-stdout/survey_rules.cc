// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/survey_rules.h"

#include <fmt/format.h>

#include "common/usage_error.h"
#include "qcow2-to-stdout/disk_rules.h"

namespace qcow2stream::cli {

bool is_told_changes(const CommandLine& said) {
  return said.dirty_bitmap || said.shallow || said.changed_map;
}

namespace {

constexpr const char* kWaysToTellChanges =
    "--base, --dirty-bitmap, --shallow, --changed-map, --base-manifest";

bool keeps_clusters(const CommandLine& said) {
  return said.compression && said.compression->keep;
}

// A manifest says what has not changed where something else says what has, and what the image left
// out that the increment goes on top of.
int ways_to_tell_changes(const CommandLine& said) {
  return (said.base ? 1 : 0) + (said.dirty_bitmap ? 1 : 0) + (said.shallow ? 1 : 0) +
         (said.changed_map ? 1 : 0) +
         (said.base_manifest && !said.base && !is_told_changes(said) ? 1 : 0);
}

void check_backing_file(const CommandLine& said) {
  if (said.backing_file.has_value() != said.backing_format.has_value()) {
    throw UsageError(said.backing_file
                         ? "-B, --backing-file: needs -F, the format of the backing file"
                         : "-F, --backing-format: needs -B, the name of the backing file");
  }
  if (said.backing_file && ways_to_tell_changes(said) == 0 && !said.plan) {
    throw UsageError(fmt::format("-B, --backing-file: needs one of {}, which say what has changed",
                                 kWaysToTellChanges));
  }
}

// The two ways that DISK itself has to answer.
void check_disk_tells_changes(const CommandLine& said) {
  const Source disk = said_disk(said);
  if (said.dirty_bitmap && is_raw(said) && !is_served(disk) && !is_node(disk)) {
    throw UsageError("--dirty-bitmap: a raw disk has none; give an NBD URI or -f qcow2");
  }
  if (said.shallow && is_raw(said)) {
    throw UsageError("--shallow: needs -f, the format of an image with a backing file");
  }
  if (said.shallow.value_or(1) > 1 && (!is_read_here(said) || said.isolate)) {
    throw UsageError("--shallow: more than one image needs -f qcow2, without --isolate");
  }
}

}  // namespace

void check_compression(const CommandLine& said) {
  if (keeps_clusters(said) && !is_read_here(said)) {
    throw UsageError("--compress=keep: needs -f qcow2");
  }
  if (keeps_clusters(said) && said.salvage) {
    throw UsageError("--compress=keep: not together with --salvage, which has to decode clusters");
  }
  if (keeps_clusters(said) && said.deflate_window) {
    throw UsageError("--deflate-window: nothing is compressed with --compress=keep");
  }
  if (!said.deflate_window) return;
  if (!said.compression) throw UsageError("--deflate-window: needs --compress");
  if (said.compression->type != CompressionType::kZlib) {
    throw UsageError("--deflate-window: belongs to zlib");
  }
}

void check_increment_options(const CommandLine& said) {
  if (ways_to_tell_changes(said) > 1) {
    throw UsageError(fmt::format("only one of {} can say what has changed", kWaysToTellChanges));
  }
  if (!said.base && (said.base_format || said.base_info || said.base_map)) {
    throw UsageError("--base-format, --json-header-diff-map, --json-header-diff-info: need --base");
  }
  check_backing_file(said);
  check_disk_tells_changes(said);
  if (said.base && is_stdin(*said.base)) {
    throw UsageError("--base: standard input can only be DISK");
  }
  if (ways_to_tell_changes(said) > 0 && has_data_file(said)) {
    throw UsageError("-d, --data-file: an increment holds its data itself");
  }
}

// What takes the question away that the map answers.
void check_map_options(const CommandLine& said) {
  if (!said.map) return;
  if (said.changed_map || said.dirty_bitmap || said.shallow) {
    throw UsageError("--map: not together with what says which parts have changed");
  }
  const char* other = nullptr;
  if (said.scan == Scan::kNone) other = "--scan none, which allocates everything";
  if (said.no_extents) other = "--no-extents, which takes everything for data";
  if (said.data_file_raw) other = "-R, --data-file-raw, which maps every cluster";
  if (other != nullptr) throw UsageError(fmt::format("--map: not together with {}", other));
}

// Where it could not keep its promise that nothing in use is left out, or would do nothing.
void check_leave_out(const CommandLine& said) {
  if (!said.leave_out) return;
  const char* other = nullptr;
  if (said.scan == Scan::kNone) other = "--scan none, which allocates everything";
  if (has_data_file(said)) other = "-d, --data-file: the data stays in DISK as it is";
  if (said.salvage) {
    other = "--salvage: what cannot be read is not known to be free, and looks like it";
  }
  if (said.allow_changes) other = "--allow-changes: what was free may be in use by then";
  if (other != nullptr) throw UsageError(fmt::format("--leave-out: not together with {}", other));
  if ((said.base || is_told_changes(said)) && !said.base_manifest) {
    throw UsageError(
        "--leave-out: an increment needs --base-manifest, which says what the image below it holds "
        "and leaves out");
  }
}

}  // namespace qcow2stream::cli
