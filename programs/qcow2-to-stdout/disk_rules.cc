// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/disk_rules.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "common/message.h"
#include "common/usage_error.h"

namespace qcow2stream::cli {

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

bool is_read_here(const CommandLine& said) {
  const std::string format = said.format.value_or("raw");
  return format == "qcow2" || format == "auto";
}

namespace {

[[noreturn]] void throw_disk_is_missing() {
  struct stat in {};
  const bool has_input =
      ::fstat(STDIN_FILENO, &in) == 0 &&
      (S_ISREG(in.st_mode) || S_ISBLK(in.st_mode) || S_ISFIFO(in.st_mode) || S_ISSOCK(in.st_mode));
  if (!has_input) throw UsageError("DISK is missing; see --help");
  throw UsageError(fmt::format("DISK is missing; standard input is -: {} - < DISK", kProgramName));
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

}  // namespace qcow2stream::cli
