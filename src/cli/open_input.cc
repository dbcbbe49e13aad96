// SPDX-License-Identifier: GPL-2.0-or-later

#include "cli/open_input.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "qcow2stream/error.h"
#include "qcow2stream/stream.h"

namespace qcow2stream::cli {
namespace {

std::string spool_directory(const Options& options) {
  if (options.spool_directory) return *options.spool_directory;
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != 0 ? directory : "/var/tmp";
}

std::shared_ptr<const Disk> open_stdin_as_file(const Options& options) {
  auto disk = open_disk(STDIN_FILENO, disk_name(options));
  if (options.size && disk->size() != *options.size) {
    throw Error(ErrorKind::kFailed, disk->name(), "has another size than announced",
                fmt::format("{} bytes, not {}", disk->size(), *options.size));
  }
  return disk;
}

std::shared_ptr<const Disk> spool_stdin(const Options& options, Progress& progress) {
  const std::string directory = spool_directory(options);
  try {
    return open_stream(STDIN_FILENO, disk_name(options),
                       {.size = options.size, .spool_directory = directory, .progress = &progress});
  } catch (const Error& error) {
    if (error.name() != directory) throw;
    throw Error(error.kind(), error.name(), error.what_failed(),
                error.reason() + "; --spool-dir names another directory for what is read from " +
                    disk_name(options))
        .with_errno(error.error_number());
  }
}

Input open_stdin(const Options& options, Progress& progress) {
  const std::string name = disk_name(options);
  if (::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, name, "is a terminal", "redirect a file or a pipe into it");
  }
  // Before hours of reading.
  if (options.size) check_disk_size(name, *options.size, options.image);
  if (can_be_sought(STDIN_FILENO)) return {open_stdin_as_file(options), {}};
  if (options.size && options.scan == Scan::kNone) {
    return {open_sequential(STDIN_FILENO, name, *options.size), {}};
  }
  auto disk = spool_stdin(options, progress);
  if (options.size) return {disk, {}};
  if (disk->size() == 0) {
    throw Error(ErrorKind::kFailed, name, "is empty", "say --size 0 if it is meant to be");
  }
  return {disk, fmt::format("{}: ended after {} bytes, which is taken for the size of the disk; "
                            "with --size {} it is checked",
                            name, disk->size(), disk->size())};
}

}  // namespace

Input open_input(const Options& options, Progress& progress) {
  if (reads_stdin(options)) return open_stdin(options, progress);
  return {open_disk(options.disk), {}};
}

std::optional<struct stat> input_status(const Options& options) {
  struct stat status {};
  const int failed =
      reads_stdin(options) ? ::fstat(STDIN_FILENO, &status) : ::stat(options.disk.c_str(), &status);
  if (failed != 0) return std::nullopt;
  return status;
}

}  // namespace qcow2stream::cli
