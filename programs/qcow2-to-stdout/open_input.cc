// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/open_input.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "common/shell_word.h"
#include "qcow2-to-stdout/qemu_names.h"
#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/qemu.h"
#include "qcow2stream/stream.h"

namespace qcow2stream::cli {
namespace {

// In each cluster of an image with extended L2 entries (specification).
constexpr std::uint64_t kSubclusters = 32;

bool is_file(const Options& options) {
  return options.server.empty() && !options.blockdev && !is_nbd_uri(options.disk) &&
         !reads_stdin(options);
}

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

NbdOptions nbd_options(const Options& options) {
  NbdOptions nbd = options.nbd;
  nbd.bitmap = options.dirty_bitmap;
  return nbd;
}

// Without what only DISK is asked.
QemuOptions qemu_options(const Options& options) {
  return {.nbd = options.nbd, .isolate = options.isolate, .force_share = options.force_share};
}

// `asks` is what DISK is asked, too.
Opened open_file(const std::string& path, const std::string& given_format, const QemuOptions& qemu,
                 const QemuOptions& asks) {
  const std::string format = given_format == "auto" ? probe_format(path, qemu) : given_format;
  if (format == "raw" && !asks.nbd.bitmap && !asks.top_image_unit) {
    return {.disk = open_disk(path, {.force_share = qemu.force_share}), .changes = nullptr};
  }
  return open_qemu(path, format, asks);
}

std::string spool_directory(const Options& options) {
  if (options.spool_directory) return *options.spool_directory;
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != 0 ? directory : "/var/tmp";
}

std::shared_ptr<const Disk> open_stdin_as_file(const Options& options) {
  auto disk = open_disk(STDIN_FILENO, disk_name(options), {.force_share = options.force_share});
  if (options.size && disk->size() != *options.size) {
    throw Error(ErrorKind::kFailed, disk->name(), "has another size than announced",
                fmt::format("{} bytes, not {}", disk->size(), *options.size));
  }
  return disk;
}

std::shared_ptr<const Disk> spool_stdin(const Options& options, Progress& progress) {
  return open_stream(
      STDIN_FILENO, disk_name(options),
      {.size = options.size, .spool_directory = spool_directory(options), .progress = &progress});
}

Input open_stdin(const Options& options, Progress& progress) {
  const std::string name = disk_name(options);
  if (::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, name, "is a terminal", "redirect a file or a pipe into it");
  }
  // Before hours of reading.
  if (options.size) check_disk_size(name, *options.size, options.image);
  if (can_be_sought(STDIN_FILENO)) return {.disk = open_stdin_as_file(options)};
  // Compressing reads what it has no memory for a second time, and so does what was compared. What
  // leaves something out might not get to the end of the stream, which has to be looked at.
  const bool is_increment = options.base || options.changed_map;
  if (options.size && options.scan == Scan::kNone && !options.image.compression && !is_increment) {
    return {.disk = open_sequential(STDIN_FILENO, name, *options.size)};
  }
  auto disk = spool_stdin(options, progress);
  if (options.size) return {.disk = disk};
  if (disk->size() == 0) {
    throw Error(ErrorKind::kFailed, name, "is empty", "say --size 0 if it is meant to be");
  }
  return {
      .disk = disk,
      .warning = fmt::format("{}: ended after {} bytes, which is taken for the size of the disk; "
                             "with --size {} it is checked",
                             name, disk->size(), disk->size())};
}

// The unit in which the image leaves parts to its backing file.
std::uint64_t increment_unit(const ImageOptions& image) {
  const bool subclusters = image.extended_l2 && !image.compression;
  return subclusters ? image.cluster_size / kSubclusters : image.cluster_size;
}

Opened open_named(const Options& options) {
  const NbdOptions nbd = nbd_options(options);
  if (options.blockdev) return open_qemu_node(*options.blockdev, options.objects, nbd);
  if (!options.server.empty()) return open_nbd_server(options.server, nbd);
  if (is_nbd_uri(options.disk)) return open_nbd(options.disk, nbd);
  QemuOptions asks = qemu_options(options);
  asks.nbd = nbd;
  if (options.shallow) asks.top_image_unit = increment_unit(options.image);
  return open_file(options.disk, options.format, qemu_options(options), asks);
}

Input open_source(const Options& options, Progress& progress) {
  if (reads_stdin(options)) return open_stdin(options, progress);
  Opened source = open_named(options);
  return {.disk = std::move(source.disk), .changes = std::move(source.changes)};
}

}  // namespace

Input open_input(const Options& options, Progress& progress) {
  if (is_file(options)) refuse_way_to_disk(options.disk, options.format);
  Input input;
  try {
    input = open_source(options, progress);
  } catch (const Error& error) {
    if (!is_file(options)) throw;
    hint_at_other_words(options.disk,
                        options.format_given ? std::optional(options.format) : std::nullopt, error);
  }
  if (options.virtual_size) input.disk = first_bytes(input.disk, *options.virtual_size);
  return input;
}

std::shared_ptr<const Disk> open_base(const Options& options) {
  if (!options.base) return nullptr;
  std::shared_ptr<const Disk> base;
  try {
    const QemuOptions qemu = qemu_options(options);
    base = is_nbd_uri(*options.base)
               ? open_nbd(*options.base, options.nbd).disk
               : open_file(*options.base, options.base_format.value_or("raw"), qemu, qemu).disk;
  } catch (const Error& error) {
    hint_at_server(*options.base, error);
  }
  return options.base_virtual_size ? first_bytes(base, *options.base_virtual_size) : base;
}

std::optional<std::string> warning_about_holes(const Disk& disk, const Options& options) {
  const bool is_asked = !options.map && !(options.image.data_file && options.image.data_file->raw);
  if (options.scan != Scan::kHoles || !is_asked || disk.traits().knows_zeros) return std::nullopt;
  return fmt::format("{}: does not tell its holes: everything counts as data", disk.name());
}

}  // namespace qcow2stream::cli
