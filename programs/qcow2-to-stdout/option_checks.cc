// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/option_checks.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qcow2stream::cli {
namespace {

constexpr const char* kWaysToTellChanges = "--base, --dirty-bitmap, --shallow, --changed-map";

[[noreturn]] void throw_disk_is_missing() {
  struct stat in {};
  const bool has_input =
      ::fstat(STDIN_FILENO, &in) == 0 &&
      (S_ISREG(in.st_mode) || S_ISBLK(in.st_mode) || S_ISFIFO(in.st_mode) || S_ISSOCK(in.st_mode));
  throw UsageError(has_input ? "DISK is missing; standard input is -: qcow2-to-stdout - < DISK"
                             : "DISK is missing; see --help");
}

// What an NBD server or QEMU's own description of a node has to answer.
bool is_served(const Source& source) {
  return std::holds_alternative<NbdServer>(source) || std::holds_alternative<Program>(source);
}

bool is_node(const Source& source) {
  return std::holds_alternative<BlockNode>(source);
}

bool is_raw(const Options& options) {
  return options.format.value_or("raw") == "raw";
}

// The two that DISK itself has to answer.
void check_source_of_changes(const Options& options) {
  if (options.dirty_bitmap && is_raw(options) && !is_served(options.source) &&
      !is_node(options.source)) {
    throw UsageError("--dirty-bitmap: a raw disk has none; give an NBD URI or -f qcow2");
  }
  if (options.shallow && is_raw(options)) {
    throw UsageError("--shallow: needs -f, the format of an image with a backing file");
  }
}

// Where it could not keep its promise, or there is nothing that it could keep away from anything.
const char* why_not_isolated(const Source& source) {
  return std::visit(
      Cases{[](const BlockNode&) {
              return "not together with --blockdev, which names what QEMU opens";
            },
            [](const Program&) { return "is for files that QEMU opens, not for a server program"; },
            [](const NbdServer&) { return "is for files that QEMU opens, not for an NBD server"; },
            [](const auto&) -> const char* { return nullptr; }},
      source);
}

void check_isolation(const Options& options) {
  const char* why_not = options.isolate ? why_not_isolated(options.source) : nullptr;
  if (why_not != nullptr) throw UsageError(fmt::format("--isolate: {}", why_not));
}

void check_sharing(const Options& options) {
  if (!options.force_share) return;
  if (is_node(options.source)) {
    throw UsageError("-U, --force-share: --blockdev can say \"force-share\": true itself");
  }
  if (is_served(options.source) && (!options.base || is_served(*options.base))) {
    throw UsageError("-U, --force-share: is for files; an NBD server takes no locks for us");
  }
}

Source source_of_disk(const Parsed& parsed) {
  if (!parsed.blockdev) {
    if (!parsed.objects.empty()) throw UsageError("--object: needs --blockdev, which refers to it");
    if (!parsed.disk) throw_disk_is_missing();
    return *parsed.disk;
  }
  if (parsed.disk) {
    throw UsageError(
        fmt::format("{}: unexpected argument; --blockdev takes its place", name_of(*parsed.disk)));
  }
  if (parsed.options.format) {
    throw UsageError("-f, --input-format: --blockdev says the format");
  }
  return BlockNode{*parsed.blockdev, parsed.objects};
}

}  // namespace

void check_input(Parsed& parsed) {
  Options& options = parsed.options;
  options.source = source_of_disk(parsed);
  check_isolation(options);
  check_sharing(options);
  auto* input = std::get_if<StandardInput>(&options.source);
  if (input != nullptr) {
    input->size = parsed.size;
  } else if (parsed.size) {
    throw UsageError(fmt::format("--size: is the size of standard input (-); {} has its own",
                                 disk_name(options)));
  }
  if (input != nullptr && !is_raw(options)) {
    throw UsageError("-f, --input-format: standard input is a raw disk; QEMU needs a file");
  }
  if (is_served(options.source) && !is_raw(options)) {
    throw UsageError(
        "-f, --input-format: an NBD server gives a raw disk; --blockdev can put a "
        "format on it");
  }
  const bool has_data_file = parsed.data_file || parsed.data_file_raw;
  if (has_data_file && (is_served(options.source) || is_node(options.source) || !is_raw(options))) {
    throw UsageError("-d, --data-file: DISK must be a raw file or block device");
  }
}

void check_increment(Parsed& parsed) {
  Options& options = parsed.options;
  const int sources = (options.base ? 1 : 0) + (options.dirty_bitmap ? 1 : 0) +
                      (options.shallow ? 1 : 0) + (options.changed_map ? 1 : 0);
  const bool has_source = sources > 0;
  if (sources > 1) {
    throw UsageError(fmt::format("only one of {} can say what has changed", kWaysToTellChanges));
  }
  if (!options.base && (options.base_format || options.base_info || options.base_map)) {
    throw UsageError("--base-format, --json-header-diff-map, --json-header-diff-info: need --base");
  }
  if (parsed.backing_file.has_value() != parsed.backing_format.has_value()) {
    throw UsageError(parsed.backing_file
                         ? "-B, --backing-file: needs -F, the format of the backing file"
                         : "-F, --backing-format: needs -B, the name of the backing file");
  }
  if (parsed.backing_file && !has_source && !options.plan) {
    throw UsageError(fmt::format("-B, --backing-file: needs one of {}, which say what has changed",
                                 kWaysToTellChanges));
  }
  check_source_of_changes(options);
  if (options.base && std::holds_alternative<StandardInput>(*options.base)) {
    throw UsageError("--base: standard input can only be DISK");
  }
  if (has_source && (parsed.data_file || parsed.data_file_raw)) {
    throw UsageError("-d, --data-file: an increment holds its data itself");
  }
  if (parsed.backing_file) {
    options.image.backing_file = BackingFile{.name = file_backing_name(*parsed.backing_file),
                                             .format = *parsed.backing_format};
  }
}

void check_map(const Options& options) {
  if (!options.map) return;
  if (options.changed_map || options.dirty_bitmap || options.shallow) {
    throw UsageError("--map: not together with what says which parts have changed");
  }
  const char* other = nullptr;
  if (options.scan == Scan::kNone) other = "--scan none, which allocates everything";
  if (!options.use_extents) other = "--no-extents, which takes everything for data";
  if (options.image.data_file && options.image.data_file->raw) {
    other = "-R, --data-file-raw, which maps every cluster";
  }
  if (other != nullptr) throw UsageError(fmt::format("--map: not together with {}", other));
}

void check_output_options(const Options& options) {
  if (options.digest_name && options.digests.empty()) {
    throw UsageError("--name: needs --digest, in whose line it stands");
  }
  if (options.run && options.flush) {
    throw UsageError("--flush: not together with --run, whose command has the image");
  }
  if (options.action != Action::kMeasure) return;
  if (options.run) {
    throw UsageError("--run: not together with --measure, which writes no image");
  }
  if (!options.digests.empty()) {
    throw UsageError("--digest: not together with --measure, which writes no image");
  }
  if (options.flush) {
    throw UsageError("--flush: not together with --measure, which writes no image");
  }
}

}  // namespace qcow2stream::cli
