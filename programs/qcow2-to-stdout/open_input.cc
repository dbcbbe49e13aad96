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
#include "qcow2stream/qcow2.h"
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

QemuOptions qemu_options(const Options& options) {
  return {.nbd = options.nbd, .isolate = options.isolate, .force_share = options.force_share};
}

std::string file_format(const std::string& path, const std::string& given,
                        const QemuOptions& qemu) {
  return given == "auto" ? probe_format(path, qemu) : given;
}

// That of DISK.
std::string file_format(const Options& options) {
  return file_format(options.disk, options.format, qemu_options(options));
}

// Opens with our own reader, and with QEMU what that one cannot read.
template <class Own, class Qemu>
auto open_qcow2_or_ask_qemu(const Own& own, const Qemu& qemu) {
  try {
    return own();
  } catch (const Error& error) {
    if (error.advice() != Advice::kReadWithQemu) throw;
    return qemu();
  }
}

// Whether the file is read without QEMU. What is not trusted is read by a program that is confined.
bool is_read_here(const std::string& format, const QemuOptions& qemu) {
  return format == "qcow2" && !qemu.isolate;
}

std::shared_ptr<const Disk> open_file(const std::string& path, const std::string& given_format,
                                      const QemuOptions& qemu) {
  const std::string format = file_format(path, given_format, qemu);
  if (format == "raw") return open_disk(path, {.force_share = qemu.force_share});
  if (!is_read_here(format, qemu)) return open_qemu(path, format, qemu);
  return open_qcow2_or_ask_qemu([&] { return open_qcow2(path, {.force_share = qemu.force_share}); },
                                [&] { return open_qemu(path, format, qemu); });
}

DiskWithChanges open_shallow(const std::string& path, const std::string& given_format,
                             std::uint64_t unit, const QemuOptions& qemu) {
  const std::string format = file_format(path, given_format, qemu);
  if (!is_read_here(format, qemu)) return open_qemu_shallow(path, format, unit, qemu);
  return open_qcow2_or_ask_qemu(
      [&] { return open_qcow2_shallow(path, 1, unit, {.force_share = qemu.force_share}); },
      [&] { return open_qemu_shallow(path, format, unit, qemu); });
}

// DISK or the base without any special case.
std::shared_ptr<const Disk> open_simple(const std::string& disk, const std::string& format,
                                        const Options& options) {
  return is_nbd_uri(disk) ? open_nbd(disk, options.nbd)
                          : open_file(disk, format, qemu_options(options));
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

std::shared_ptr<const Disk> open_named(const Options& options) {
  if (options.blockdev) return open_qemu_node(*options.blockdev, options.objects, options.nbd);
  if (!options.server.empty()) return open_nbd_server(options.server, options.nbd);
  return open_simple(options.disk, options.format, options);
}

DiskWithChanges open_with_bitmap(const Options& options) {
  const std::string& bitmap = *options.dirty_bitmap;
  if (options.blockdev) {
    return open_qemu_node_with_bitmap(*options.blockdev, options.objects, bitmap, options.nbd);
  }
  if (!options.server.empty()) {
    return open_nbd_server_with_bitmap(options.server, bitmap, options.nbd);
  }
  if (is_nbd_uri(options.disk)) return open_nbd_with_bitmap(options.disk, bitmap, options.nbd);
  return open_qemu_with_bitmap(options.disk, file_format(options), bitmap, qemu_options(options));
}

// The unit in which the image leaves parts to its backing file.
std::uint64_t increment_unit(const ImageOptions& image) {
  const bool subclusters = image.extended_l2 && !image.compression;
  return subclusters ? image.cluster_size / kSubclusters : image.cluster_size;
}

Input open_source(const Options& options, Progress& progress) {
  if (reads_stdin(options)) return open_stdin(options, progress);
  if (!options.dirty_bitmap && !options.shallow) return {.disk = open_named(options)};
  DiskWithChanges source = options.shallow
                               ? open_shallow(options.disk, options.format,
                                              increment_unit(options.image), qemu_options(options))
                               : open_with_bitmap(options);
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
    base = open_simple(*options.base, options.base_format.value_or("raw"), options);
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
