// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/job_rules.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <span>
#include <string_view>

#include "common/message.h"
#include "common/usage_error.h"
#include "qcow2-to-stdout/plan_options.h"

namespace qcow2stream::cli {
namespace {

constexpr const char* kWaysToTellChanges =
    "--base, --dirty-bitmap, --shallow, --changed-map, --base-manifest";

// --- DISK ---------------------------------------------------------------------------------------

[[noreturn]] void throw_disk_is_missing() {
  struct stat in {};
  const bool has_input =
      ::fstat(STDIN_FILENO, &in) == 0 &&
      (S_ISREG(in.st_mode) || S_ISBLK(in.st_mode) || S_ISFIFO(in.st_mode) || S_ISSOCK(in.st_mode));
  if (!has_input) throw UsageError("DISK is missing; see --help");
  throw UsageError(fmt::format("DISK is missing; standard input is -: {} - < DISK", kProgramName));
}

bool is_stdin(const Source& source) {
  return std::holds_alternative<StandardInput>(source);
}

bool is_served(const Source& source) {
  return std::holds_alternative<NbdServer>(source) || std::holds_alternative<Program>(source);
}

bool is_node(const Source& source) {
  return std::holds_alternative<BlockNode>(source);
}

bool is_raw(const CommandLine& said) {
  return said.format.value_or("raw") == "raw";
}

bool has_data_file(const CommandLine& said) {
  return said.data_file || said.data_file_raw;
}

// Where it could not keep its promise, or there is nothing that it could keep away from anything.
const char* why_not_isolated(const Source& source) {
  return std::visit(
      Cases{[](const BlockNode&) {
              return "not together with --blockdev, which names what QEMU opens";
            },
            [](const Program&) { return "is for image files, not for a server program"; },
            [](const NbdServer&) { return "is for image files, not for an NBD server"; },
            [](const auto&) -> const char* { return nullptr; }},
      source);
}

void check_sharing(const CommandLine& said, const Source& disk) {
  if (!said.force_share) return;
  if (is_node(disk)) {
    throw UsageError("-U, --force-share: --blockdev can say \"force-share\": true itself");
  }
  if (is_served(disk) && (!said.base || is_served(*said.base))) {
    throw UsageError("-U, --force-share: is for files; an NBD server takes no locks for us");
  }
}

// Where there is no file, an image is read here or not at all.
void check_format(const CommandLine& said, const Source& disk) {
  if (is_raw(said) || is_node(disk) || std::holds_alternative<File>(disk)) return;
  const std::string format = *said.format;
  if (format != "qcow2" && format != "auto") {
    throw UsageError(fmt::format(
        "-f, --input-format: {} gives a raw disk or a qcow2 image; {}",
        is_stdin(disk) ? "standard input" : "an NBD server",
        is_stdin(disk) ? "QEMU needs a file" : "--blockdev can put another format on it"));
  }
  if (said.isolate) {
    throw UsageError("--isolate: an image is read confined from a file only");
  }
  if (said.dirty_bitmap && format == "auto") {
    throw UsageError(
        "--dirty-bitmap: say -f qcow2 for a bitmap of the image, -f raw for one of the server");
  }
}

// Whether DISK may be a qcow2 image that is read without QEMU.
bool is_read_here(const CommandLine& said) {
  const std::string format = said.format.value_or("raw");
  return format == "qcow2" || format == "auto";
}

void check_snapshot(const CommandLine& said) {
  if (!said.snapshot) return;
  if (!is_read_here(said)) {
    throw UsageError("-l, --snapshot: needs -f qcow2");
  }
  if (said.dirty_bitmap || said.shallow) {
    throw UsageError(
        "-l, --snapshot: not together with --dirty-bitmap and --shallow, which are about the disk "
        "as it is now");
  }
}

void check_bitmaps(const CommandLine& said) {
  if (!said.bitmaps) return;
  if (!is_read_here(said) || said.isolate)
    throw UsageError("--bitmaps: needs -f qcow2, without --isolate");
  const char* other = nullptr;
  if (said.snapshot) other = "-l, --snapshot: bitmaps are about the disk as it is now";
  if (said.salvage) other = "--salvage: a bitmap that has lost something says nothing";
  if (said.info) other = "--json-header-info, which leaves out a part of the disk";
  if (other != nullptr) throw UsageError(fmt::format("--bitmaps: not together with {}", other));
}

// Where it would promise what it cannot keep.
void check_salvage(const CommandLine& said, const Source& disk) {
  if (!said.salvage) return;
  const char* other = nullptr;
  if (said.plan || said.save_plan) other = "a plan, which does not know what was lost";
  if (said.isolate) other = "--isolate, which gives a damaged image up as a whole";
  if (has_data_file(said)) other = "-d, --data-file: the data stays in DISK as it is";
  if (other != nullptr) throw UsageError(fmt::format("--salvage: not together with {}", other));
  if (is_stdin(disk)) {
    throw UsageError(
        "--salvage: what a stream has not given cannot be asked for again; name the file or "
        "device");
  }
}

void check_disk(const CommandLine& said) {
  const Source disk = said_disk(said);
  const char* why_not = said.isolate ? why_not_isolated(disk) : nullptr;
  if (why_not != nullptr) throw UsageError(fmt::format("--isolate: {}", why_not));
  check_sharing(said, disk);
  if (said.size && !is_stdin(disk)) {
    throw UsageError(
        fmt::format("--size: is the size of standard input (-); {} has its own", name_of(disk)));
  }
  check_format(said, disk);
  check_snapshot(said);
  check_bitmaps(said);
  check_salvage(said, disk);
  if (!has_data_file(said)) return;
  if (is_served(disk) || is_node(disk) || !is_raw(said)) {
    throw UsageError("-d, --data-file: DISK must be a raw file or block device");
  }
  if (is_stdin(disk)) {
    throw UsageError(fmt::format("{}: a data file must be a file that stays, not standard input",
                                 said.data_file ? "-d, --data-file" : "-R, --data-file-raw"));
  }
}

// --- the image, and increments ------------------------------------------------------------------

bool keeps_clusters(const CommandLine& said) {
  return said.compression && said.compression->keep;
}

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

// Whether it is said what has changed since the base, without a look at what that holds.
bool is_told_changes(const CommandLine& said) {
  return said.dirty_bitmap || said.shallow || said.changed_map;
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
  if (said.save_plan && (said.save_manifest || said.base_manifest)) {
    other = "a plan that has a manifest, which would not say what was left out";
  }
  if (other != nullptr) throw UsageError(fmt::format("--leave-out: not together with {}", other));
  if ((said.base || is_told_changes(said)) && !said.base_manifest) {
    throw UsageError(
        "--leave-out: an increment needs --base-manifest, which says what the image below it holds "
        "and leaves out");
  }
}

// --- the output ---------------------------------------------------------------------------------

void check_output_options(const CommandLine& said) {
  if (said.name && said.digests.empty() && !said.mount) {
    throw UsageError("--name: needs --digest, in whose line it stands, or --mount");
  }
  if (said.run && said.flush) {
    throw UsageError("--flush: not together with --run, whose command has the image");
  }
  if (!said.measure) return;
  const char* option = nullptr;
  if (said.flush) option = "--flush";
  if (!said.digests.empty()) option = "--digest";
  if (said.run) option = "--run";
  if (option == nullptr) return;
  throw UsageError(fmt::format("{}: not together with --measure, which writes no image", option));
}

// What makes an image, or belongs to one that is written.
constexpr std::array kOfImages = {"measure",
                                  "cluster-size",
                                  "refcount-bits",
                                  "qcow2-version",
                                  "data-file",
                                  "data-file-raw",
                                  "extended-l2",
                                  "compress",
                                  "deflate-window",
                                  "backing-file",
                                  "backing-format",
                                  "base",
                                  "base-format",
                                  "dirty-bitmap",
                                  "shallow",
                                  "top-layer",
                                  "changed-map",
                                  "diff",
                                  "json-header-map",
                                  "json-header-info",
                                  "json-header-diff-map",
                                  "json-header-diff-info",
                                  "map",
                                  "scan",
                                  "allocated",
                                  "no-extents",
                                  "leave-out",
                                  "save-manifest",
                                  "base-manifest",
                                  "manifest-chunk",
                                  "read-all",
                                  "no-root-trailer",
                                  "bitmaps",
                                  "if-match",
                                  "save-plan",
                                  "plan",
                                  "assume-unchanged",
                                  "spool-memory"};
constexpr std::array kOfStreams = {"measure", "offset", "length",       "part",
                                   "flush",   "digest", "save-manifest"};

void refuse_given(const CommandLine& said, std::span<const char* const> names, const char* why) {
  for (const char* name : names) {
    if (said.given.contains(name)) throw UsageError(fmt::format("--{}: {}", name, why));
  }
}

void check_range_options(const CommandLine& said) {
  if (said.part && (said.offset || said.length)) {
    throw UsageError("--part: not together with --offset and --length, whose place it takes");
  }
}

void check_mount_options(const CommandLine& said) {
  if (is_raw_wanted(said)) {
    refuse_given(said, kOfImages, "is about an image, and -O raw gives the disk itself");
  }
  if (!said.mount) return;
  refuse_given(said, kOfStreams, "not together with --mount, which writes no image");
  if (said.name &&
      (said.name->find('/') != std::string::npos || *said.name == "." || *said.name == "..")) {
    throw UsageError("--name: with --mount it is the name of a file, without a slash");
  }
}

void check_manifest_options(const CommandLine& said) {
  const bool asks_root = said.measure == MeasureFormat::kRoot;
  const bool has_manifest = said.save_manifest || said.base_manifest;
  const char* option = said.save_manifest   ? "--save-manifest"
                       : said.base_manifest ? "--base-manifest"
                                            : "--measure=root";
  if (said.manifest_chunk_bits && !said.save_manifest) {
    throw UsageError("--manifest-chunk: needs --save-manifest");
  }
  if (said.manifest_chunk_bits && said.base_manifest) {
    throw UsageError("--manifest-chunk: the chunks are those of --base-manifest");
  }
  if (said.no_root_trailer && !has_manifest) {
    throw UsageError("--no-root-trailer: needs --save-manifest or --base-manifest");
  }
  if (said.read_all && (!said.save_manifest || !is_told_changes(said))) {
    throw UsageError(
        "--read-all: needs --save-manifest and one of --dirty-bitmap, --shallow, --changed-map");
  }
  if (said.read_all && said.base_manifest) {
    throw UsageError("--read-all: not together with --base-manifest, which has what is not read");
  }
  if (said.save_manifest && is_told_changes(said) && !said.base_manifest && !said.read_all) {
    throw UsageError(
        "--save-manifest: what has not changed comes from --base-manifest, the manifest of what "
        "DISK held before; or say --read-all, and all of DISK is read");
  }
  if (asks_root && said.save_manifest) {
    throw UsageError(
        "--save-manifest: not together with --measure=root; the manifest has the root");
  }
  if (!has_manifest && !asks_root) return;
  const char* other = nullptr;
  if (said.salvage) other = "--salvage: it would be of what could be read";
  if (said.allow_changes) other = "--allow-changes: nobody knows what it would be of";
  if (asks_root && (said.plan || said.save_plan)) other = "a plan, which is of an image";
  if (other != nullptr) throw UsageError(fmt::format("{}: not together with {}", option, other));
}

// --- the library's ------------------------------------------------------------------------------

std::string_view option_of(OptionProblem::Field field) {
  switch (field) {
    case OptionProblem::Field::kClusterSize:
      return "-c, --cluster-size";
    case OptionProblem::Field::kRefcountBits:
      return "-r, --refcount-bits";
    case OptionProblem::Field::kVersion:
      return "-v, --qcow2-version";
    case OptionProblem::Field::kExtendedL2:
      return "--extended-l2";
    case OptionProblem::Field::kDataFile:
      return "-d, --data-file";
    case OptionProblem::Field::kBackingFile:
      return "-B, --backing-file";
    case OptionProblem::Field::kCompression:
      return "--compress";
    case OptionProblem::Field::kBitmaps:
      return "--bitmaps";
  }
  return "";
}

}  // namespace

Source said_disk(const CommandLine& said) {
  if (said.blockdev) {
    if (said.disk) {
      throw UsageError(
          fmt::format("{}: unexpected argument; --blockdev takes its place", name_of(*said.disk)));
    }
    if (said.format) throw UsageError("-f, --input-format: --blockdev says the format");
    return BlockNode{*said.blockdev, said.objects};
  }
  if (!said.objects.empty()) throw UsageError("--object: needs --blockdev, which refers to it");
  if (!said.disk) throw_disk_is_missing();
  return is_stdin(*said.disk) ? Source(StandardInput{said.size}) : *said.disk;
}

bool is_raw_wanted(const CommandLine& said) {
  return said.output_format == OutputFormat::kRaw;
}

void check_rules(const CommandLine& said) {
  check_disk(said);
  check_compression(said);
  check_plan_options(said);
  check_increment_options(said);
  check_map_options(said);
  check_leave_out(said);
  check_output_options(said);
  check_range_options(said);
  check_mount_options(said);
  check_manifest_options(said);
}

void check_image(const ImageOptions& image) {
  if (const auto problem = find_problem(image)) {
    throw UsageError(fmt::format("{}: {}", option_of(problem->field), problem->reason));
  }
}

}  // namespace qcow2stream::cli
