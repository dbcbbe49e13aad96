// SPDX-License-Identifier: GPL-2.0-or-later

#include "c_api/opening.h"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "c_api/error.h"
#include "c_api/lasting_thread.h"
#include "qcow2stream/confined.h"
#include "qcow2stream/file.h"
#include "qcow2stream/nbd.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/qemu.h"
#include "qcow2stream/stream.h"

namespace qcow2stream::c_api {
namespace {

struct Source {
  Opened opened;
  std::vector<std::string> caveats;
};

// Whatever goes before: the thread goes last.
struct Home {
  std::unique_ptr<LastingThread> thread;
  Source source;
};

// Opens a disk that may have a process of its own.
Source open_at_home(const std::function<Source()>& open) {
  auto home = std::make_shared<Home>();
  home->thread = std::make_unique<LastingThread>([&] { home->source = open(); });
  Source source;
  source.caveats = home->source.caveats;
  source.opened.disk = {home, home->source.opened.disk.get()};
  if (home->source.opened.changes != nullptr) {
    source.opened.changes = {home, home->source.opened.changes.get()};
  }
  return source;
}

qcow2stream_disk handle_of(Source source, const Settings& settings) {
  qcow2stream_disk handle{.disk = std::move(source.opened.disk),
                          .changes = std::move(source.opened.changes),
                          .top_images = settings.shallow,
                          .caveats = std::move(source.caveats)};
  for (const Caveat& caveat : handle.disk->caveats()) handle.caveats.push_back(caveat.text);
  return handle;
}

std::string format_of(const Settings& settings) {
  return settings.format.value_or("raw");
}

bool asks_for_changes(const Settings& settings) {
  return settings.dirty_bitmap || settings.shallow != 0;
}

// What nobody but our own reader of qcow2 images can be asked.
bool is_beyond_qemu(const Settings& settings) {
  return settings.snapshot || settings.image.bitmaps || settings.shallow > 1;
}

NbdOptions nbd_options(const Settings& settings) {
  NbdOptions nbd = settings.nbd;
  nbd.bitmap = settings.dirty_bitmap;
  return nbd;
}

std::optional<TopImages> top_images(const Settings& settings) {
  if (settings.shallow == 0) return std::nullopt;
  return TopImages{.images = settings.shallow, .unit = increment_unit(settings)};
}

Qcow2Options qcow2_options(const Settings& settings) {
  return {.force_share = settings.force_share,
          .snapshot = settings.snapshot,
          .top = top_images(settings),
          .bitmap = settings.dirty_bitmap,
          .carry_bitmaps = settings.image.bitmaps};
}

QemuOptions qemu_options(const Settings& settings) {
  return {.nbd = nbd_options(settings),
          .top_image_unit =
              settings.shallow != 0 ? std::optional(increment_unit(settings)) : std::nullopt,
          .isolate = settings.isolate,
          .force_share = settings.force_share};
}

Source with_remainder(const OpenedQcow2& opened) {
  Source source{.opened = {.disk = opened.disk, .changes = opened.changes}, .caveats = {}};
  const Qcow2Remainder& rest = opened.remainder;
  if (rest.snapshots != 0) {
    source.caveats.push_back(
        fmt::format("has {} internal snapshots, which are not read", rest.snapshots));
  }
  if (!rest.bitmaps.empty()) {
    source.caveats.push_back(
        fmt::format("has dirty bitmaps, which are not read: {}", fmt::join(rest.bitmaps, ", ")));
  }
  return source;
}

Source open_image(const std::string& path, const Settings& settings) {
  const Qcow2Options options = qcow2_options(settings);
  if (!settings.isolate) return with_remainder(open_qcow2(path, options));
  return with_remainder(
      open_qcow2_confined(path, options, {.program = {}, .timeout = settings.nbd.timeout}));
}

[[noreturn]] void refuse_question(const std::string& name) {
  throw Error(ErrorKind::kFailed, name, "cannot be read so",
              "snapshots, bitmaps and what several images hold can be told of qcow2 images only");
}

// The one place that knows who reads which format of a file.
Source read_path(const std::string& path, std::string format, const Settings& settings) {
  if (format == "auto") format = probe_format(path, qemu_options(settings));
  if (format == "raw" && !asks_for_changes(settings) && !is_beyond_qemu(settings)) {
    return {.opened = {.disk = open_disk(path, {.force_share = settings.force_share}),
                       .changes = nullptr},
            .caveats = {}};
  }
  if (format == "qcow2") {
    try {
      return open_image(path, settings);
    } catch (const Error& error) {
      const bool is_for_qemu = error.advice() == Advice::kReadWithQemu && !settings.isolate;
      if (!is_for_qemu || is_beyond_qemu(settings)) throw;
    }
  }
  if (is_beyond_qemu(settings)) refuse_question(path);
  return {.opened = open_qemu(path, format, qemu_options(settings)), .caveats = {}};
}

// An image of another format is rarely meant to be the content of a disk.
void refuse_image_as_raw(const Disk& disk, const Settings& settings) {
  if (settings.format) return;
  const auto format = image_magic(disk);
  if (!format) return;
  throw Error(ErrorKind::kFailed, disk.name(), fmt::format("begins as a {} image", *format),
              "its format has to be named, raw if that is meant")
      .about(ErrorSubject::kDisk)
      .advise(Advice::kNameFormat);
}

// Bytes that are no file: only what we read ourselves can be read of them.
qcow2stream_disk read_bytes(const std::function<Source(const NbdOptions&)>& open,
                            const Settings& settings) {
  NbdOptions nbd = nbd_options(settings);
  const std::string format = format_of(settings);
  if (format == "raw") {
    if (is_beyond_qemu(settings) || settings.shallow != 0) refuse_question("the disk");
    return handle_of(open_at_home([&] { return open(nbd); }), settings);
  }
  nbd.bitmap.reset();
  Source bytes = open_at_home([&] { return open(nbd); });
  const std::shared_ptr<const Disk>& disk = bytes.opened.disk;
  const std::string found = format == "auto" ? image_magic(*disk).value_or("raw") : format;
  if (found == "raw") {
    if (asks_for_changes(settings) || is_beyond_qemu(settings)) refuse_question(disk->name());
    return handle_of(std::move(bytes), settings);
  }
  if (found != "qcow2" || settings.isolate) {
    throw Error(ErrorKind::kFailed, disk->name(),
                settings.isolate ? "cannot be isolated" : fmt::format("is a {} image", found),
                settings.isolate ? "it is not a file" : "QEMU reads it from a file")
        .about(ErrorSubject::kDisk)
        .advise(Advice::kNameImage);
  }
  return handle_of(with_remainder(open_qcow2(disk, qcow2_options(settings))), settings);
}

std::string spool_directory(const Settings& settings) {
  if (settings.spool_directory) return *settings.spool_directory;
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != 0 ? directory : "/var/tmp";
}

Source open_bytes_of(int fd, const std::string& name, const Settings& settings) {
  Source source;
  if (!can_be_sought(fd)) {
    source.opened.disk = open_stream(
        fd, name, {.size = settings.size, .spool_directory = spool_directory(settings)});
    return source;
  }
  source.opened.disk = open_disk(fd, name, {.force_share = settings.force_share});
  if (settings.size && source.opened.disk->size() != *settings.size) {
    throw Error(ErrorKind::kFailed, name, "has another size than announced",
                fmt::format("{} bytes, not {}", source.opened.disk->size(), *settings.size))
        .about(ErrorSubject::kDisk);
  }
  return source;
}

}  // namespace

qcow2stream_disk open_path(const std::string& path, const Settings& settings) {
  const std::string format = format_of(settings);
  qcow2stream_disk handle =
      handle_of(open_at_home([&] { return read_path(path, format, settings); }), settings);
  refuse_image_as_raw(*handle.disk, settings);
  return handle;
}

qcow2stream_disk open_server(const std::string& uri, const Settings& settings) {
  return read_bytes(
      [&](const NbdOptions& nbd) { return Source{.opened = open_nbd(uri, nbd), .caveats = {}}; },
      settings);
}

qcow2stream_disk open_program(const std::vector<std::string>& command, const Settings& settings) {
  if (command.empty()) refuse_use("command", "it has no words");
  return read_bytes(
      [&](const NbdOptions& nbd) {
        return Source{.opened = open_nbd_server(command, nbd), .caveats = {}};
      },
      settings);
}

qcow2stream_disk open_node(const std::string& blockdev, const Settings& settings) {
  return read_bytes(
      [&](const NbdOptions& nbd) {
        return Source{.opened = open_qemu_node(blockdev, {}, nbd), .caveats = {}};
      },
      settings);
}

qcow2stream_disk open_descriptor(int fd, const std::string& name, const Settings& settings) {
  qcow2stream_disk handle =
      read_bytes([&](const NbdOptions&) { return open_bytes_of(fd, name, settings); }, settings);
  refuse_image_as_raw(*handle.disk, settings);
  return handle;
}

}  // namespace qcow2stream::c_api
