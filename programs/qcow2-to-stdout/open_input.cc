// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/open_input.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <string_view>

#include "common/shell_word.h"
#include "qcow2-to-stdout/qemu_names.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

// `https://host/disk.qcow2`, a pipe: no disk, and the user may not know what to write instead.
// `format` is what was given, if anything was.
[[noreturn]] void hint_at_other_words(const std::string& disk,
                                      const std::optional<std::string>& format,
                                      const Error& error) {
  const auto instead =
      error.error_number() == ENOENT ? instead_of_qemu_name(disk, format) : std::nullopt;
  if (!instead) throw error;
  throw Error(ErrorKind::kFailed, disk, "not a file", "use " + *instead).with_errno(ENOENT);
}

// What stands behind the name of a base is a disk, too, but --blockdev can only be DISK.
[[noreturn]] void hint_at_server(const std::string& base, const Error& error) {
  const bool is_qemu_name = error.error_number() == ENOENT && instead_of_qemu_name(base, {});
  if (!is_qemu_name) throw error;
  throw Error(ErrorKind::kFailed, base, "not a file",
              "serve it with qemu-storage-daemon or qemu-nbd and give the NBD URI")
      .with_errno(ENOENT);
}

// `format` is what was given, or raw. What is opened is no disk but something that leads to one.
void refuse_way_to_disk(const std::string& disk, const std::string& format) {
  struct stat status {};
  if (::stat(disk.c_str(), &status) != 0) return;
  if (S_ISFIFO(status.st_mode) && format == "raw") {
    const std::string how = disk.starts_with("/dev/fd/") ? "< <(COMMAND)" : "< " + shell_word(disk);
    throw Error(ErrorKind::kFailed, disk, "is a pipe",
                fmt::format("read it as standard input: qcow2-to-stdout - {}", how));
  }
  if (S_ISSOCK(status.st_mode)) {
    throw Error(ErrorKind::kFailed, disk, "is a socket",
                fmt::format("if an NBD server listens there, use {}",
                            *instead_of_qemu_name("nbd:unix:" + disk, {})));
  }
}

}  // namespace

OpenedSource open_input(const Input& input, Progress& progress) {
  const auto* file = std::get_if<File>(&input.source);
  if (file == nullptr) return open_source(input, progress);
  refuse_way_to_disk(file->path, format_of(input.reading));
  try {
    return open_source(input, progress);
  } catch (const Error& error) {
    hint_at_other_words(file->path, input.reading.format, error);
  }
}

std::shared_ptr<const Disk> open_base(const Input& base, Progress& progress) {
  try {
    return open_source(base, progress).disk;
  } catch (const Error& error) {
    hint_at_server(name_of(base.source), error);
  }
}

std::optional<std::string> warning_about_holes(const Disk& disk, const Options& options) {
  const bool is_asked = !options.map && !(options.image.data_file && options.image.data_file->raw);
  if (options.scan != Scan::kHoles || !is_asked || disk.traits().knows_zeros) return std::nullopt;
  return fmt::format("{}: does not tell its holes: everything counts as data", disk.name());
}

}  // namespace qcow2stream::cli
