// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/open_input.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <string_view>

#include "common/message.h"
#include "common/shell_word.h"
#include "qcow2-to-stdout/qemu_names.h"
#include "qcow2-to-stdout/taken_as_raw.h"
#include "qcow2stream/error.h"
#include "qcow2stream/options.h"

namespace qcow2stream::cli {
namespace {

// `https://host/disk.qcow2`, a pipe: no disk, and the user may not know what to write instead. To
// be called where the error was caught, as the next one.
[[noreturn]] void hint_at_other_words(const Input& disk, const Error& error) {
  const auto* file = std::get_if<File>(&disk.source);
  if (file == nullptr || error.error_number() != ENOENT) throw;
  const auto instead = instead_of_qemu_name(file->path, disk.reading.format);
  if (!instead) throw;
  throw Error(ErrorKind::kFailed, file->path, "not a file", "use " + *instead).with_errno(ENOENT);
}

// What stands behind the name of a base is a disk, too, but --blockdev can only be DISK.
[[noreturn]] void hint_at_server(const Input& base, const Error& error) {
  const std::string name = name_of(base.source);
  if (error.error_number() != ENOENT || !instead_of_qemu_name(name, {})) throw;
  throw Error(ErrorKind::kFailed, name, "not a file",
              "serve it with qemu-storage-daemon or qemu-nbd and give the NBD URI")
      .with_errno(ENOENT);
}

// What is no disk but leads to one.
void refuse_way_to_disk(const Input& input) {
  const auto* file = std::get_if<File>(&input.source);
  if (file == nullptr) return;
  const std::string& disk = file->path;
  struct stat status {};
  if (::stat(disk.c_str(), &status) != 0) return;
  if (S_ISFIFO(status.st_mode) && is_taken_as_it_is(input)) {
    const std::string how = disk.starts_with("/dev/fd/") ? "< <(COMMAND)" : "< " + shell_word(disk);
    throw Error(ErrorKind::kFailed, disk, "is a pipe",
                fmt::format("read it as standard input: {} - {}", kProgramName, how));
  }
  if (S_ISSOCK(status.st_mode)) {
    throw Error(ErrorKind::kFailed, disk, "is a socket",
                fmt::format("if an NBD server listens there, use {}",
                            *instead_of_qemu_name("nbd:unix:" + disk, {})));
  }
}

}  // namespace

Disks open_disks(const Job& job, Progress& progress) {
  // Before hours of reading.
  const auto size = announced_size(job.disk.source);
  if (size && is_taken_as_it_is(job.disk)) {
    check_disk_size(name_of(job.disk.source), *size, job.image);
  }
  refuse_way_to_disk(job.disk);
  Disks disks;
  try {
    disks.opened = open_source(job.disk, progress);
  } catch (const Error& error) {
    hint_at_other_words(job.disk, error);
  }
  const Disk& disk = *disks.opened.disk;
  check_disk_size(disk.name(), disk.size(), job.image);
  try {
    if (job.base) disks.base = open_source(*job.base, progress).disk;
  } catch (const Error& error) {
    hint_at_server(*job.base, error);
  }
  refuse_disk_as_raw(disk, job.disk);
  if (job.base) refuse_base_as_raw(*disks.base, *job.base);
  return disks;
}

}  // namespace qcow2stream::cli
