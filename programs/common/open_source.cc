// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/open_source.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "qcow2stream/confined.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"
#include "qcow2stream/file.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/qemu.h"
#include "qcow2stream/stream.h"

namespace qcow2stream::cli {
namespace {

OpenedSource only_disk(std::shared_ptr<const Disk> disk) {
  return {Opened{.disk = std::move(disk), .changes = nullptr}};
}

// --- standard input -----------------------------------------------------------------------------

std::string spool_directory(const Reading& reading) {
  if (reading.spool_directory) return *reading.spool_directory;
  const char* directory = std::getenv("TMPDIR");
  return directory != nullptr && *directory != 0 ? directory : "/var/tmp";
}

std::shared_ptr<const Disk> open_stdin_as_file(const StandardInput& input, const std::string& name,
                                               const Reading& reading) {
  auto disk = open_disk(STDIN_FILENO, name, {.force_share = reading.force_share});
  if (input.size && disk->size() != *input.size) {
    throw Error(ErrorKind::kFailed, name, "has another size than announced",
                fmt::format("{} bytes, not {}", disk->size(), *input.size));
  }
  return disk;
}

// What a stream is, whose end is all that tells its size.
std::string_view content_of(const Reading& reading) {
  return format_of(reading) == "raw" ? "the disk" : "what it holds";
}

OpenedSource open_stdin(const StandardInput& input, const Reading& reading, Progress& progress) {
  const std::string name = name_of(input);
  if (::isatty(STDIN_FILENO) != 0) {
    throw Error(ErrorKind::kFailed, name, "is a terminal", "redirect a file or a pipe into it");
  }
  if (can_be_sought(STDIN_FILENO)) return only_disk(open_stdin_as_file(input, name, reading));
  if (input.size && reading.in_one_pass) {
    return only_disk(open_sequential(STDIN_FILENO, name, *input.size));
  }
  auto disk = open_stream(
      STDIN_FILENO, name,
      {.size = input.size, .spool_directory = spool_directory(reading), .progress = &progress});
  if (input.size) return only_disk(std::move(disk));
  const std::uint64_t size = disk->size();
  if (size == 0) {
    throw Error(ErrorKind::kFailed, name, "is empty", "say --size 0 if it is meant to be");
  }
  return {{.disk = std::move(disk), .changes = nullptr},
          fmt::format("{}: ended after {} bytes, which is taken for the size of {}; with "
                      "--size {} it is checked",
                      name, size, content_of(reading), size)};
}

// --- formats ------------------------------------------------------------------------------------

// The source as a raw disk.
OpenedSource open_bytes(const Source& source, const Reading& reading, Progress& progress) {
  return std::visit(
      Cases{
          [&](const StandardInput& input) { return open_stdin(input, reading, progress); },
          [&](const File& file) {
            return only_disk(open_disk(file.path, {.force_share = reading.force_share}));
          },
          [&](const NbdServer& server) { return OpenedSource{open_nbd(server.uri, reading.nbd)}; },
          [&](const Program& program) {
            return OpenedSource{open_nbd_server(program.command, reading.nbd)};
          },
          [&](const BlockNode& node) {
            return OpenedSource{
                open_qemu_node(node.json, node.objects, reading.nbd), {}, Reader::kQemu};
          }},
      source);
}

QemuOptions qemu_options(const Reading& reading) {
  return {.nbd = reading.nbd,
          .top_image_unit = reading.top ? std::optional(reading.top->unit) : std::nullopt,
          .whole_chain = reading.top && reading.top->whole_chain,
          .isolate = reading.isolate,
          .force_share = reading.force_share};
}

Qcow2Options qcow2_options(const Reading& reading) {
  return {.force_share = reading.force_share,
          .snapshot = reading.snapshot,
          .top = reading.top,
          .bitmap = reading.nbd.bitmap,
          .carry_bitmaps = reading.carry_bitmaps};
}

// What nobody but our own reader can be asked.
bool is_beyond_qemu(const Reading& reading) {
  return reading.snapshot || reading.carry_bitmaps || (reading.top && reading.top->images > 1);
}

// What an error says of the file that the user has named, or of another one.
std::string reason_of(const Error& error, const std::string& path) {
  return error.name() == path ? error.reason() : error.name() + ": " + error.reason();
}

OpenedQcow2 open_image(const std::string& path, const Reading& reading,
                       const Qcow2Options& options) {
  if (!reading.isolate) return open_qcow2(path, options);
  return open_qcow2_confined(path, options, {.program = {}, .timeout = reading.nbd.timeout});
}

OpenedQcow2 open_image(std::shared_ptr<const Disk> file, const Reading& reading,
                       const Qcow2Options& options) {
  if (!reading.isolate) return open_qcow2(std::move(file), options);
  throw Error(ErrorKind::kFailed, file->name(), "cannot be isolated", "it is not a file");
}

// Reads the image that is in `where`, the path of a file or bytes that are open.
template <class Where>
OpenedSource read_natively(Where where, const Reading& reading, std::shared_ptr<LostRanges> lost) {
  Qcow2Options options = qcow2_options(reading);
  options.lost = lost;
  OpenedQcow2 opened = open_image(std::move(where), reading, options);
  return {{.disk = std::move(opened.disk), .changes = std::move(opened.changes)},
          {},
          reading.isolate ? Reader::kConfined : Reader::kNative,
          {},
          std::move(opened.remainder),
          std::move(lost)};
}

bool asks_for_changes(const Reading& reading) {
  return reading.nbd.bitmap || reading.top;
}

[[noreturn]] void refuse_question(const std::string& name, const Reading& reading) {
  const char* asked = "what several images hold";
  if (reading.snapshot) asked = "a snapshot";
  if (reading.carry_bitmaps) asked = "what bitmaps hold";
  throw Error(ErrorKind::kFailed, name, "cannot be read so",
              fmt::format("{} can be told of a qcow2 image only", asked));
}

// Standard input and servers, whose bytes may be an image, too. Only what is read here can be read
// there.
OpenedSource read_bytes_as(std::string format, const Source& source, const Reading& reading,
                           const std::shared_ptr<LostRanges>& lost, Progress& progress) {
  if (format == "raw") return open_bytes(source, reading, progress);
  // A bitmap is one of the image, not of the server.
  Reading of_bytes = reading;
  of_bytes.nbd.bitmap.reset();
  OpenedSource bytes = open_bytes(source, of_bytes, progress);
  if (format == "auto") format = image_magic(*bytes.disk).value_or("raw");
  if (format == "raw") {
    if (asks_for_changes(reading) || is_beyond_qemu(reading)) {
      refuse_question(name_of(source), reading);
    }
    return bytes;
  }
  if (format != "qcow2") {
    throw Error(ErrorKind::kFailed, name_of(source), fmt::format("is a {} image", format),
                "QEMU reads it from a file")
        .about(ErrorSubject::kDisk)
        .advise(Advice::kNameImage);
  }
  try {
    OpenedSource opened = read_natively(std::move(bytes.disk), reading, lost);
    opened.warning = std::move(bytes.warning);
    return opened;
  } catch (const Error& error) {
    if (error.advice() != Advice::kReadWithQemu) throw;
    throw Error(error).advise(Advice::kNameImage);
  }
}

// The one place that knows who reads which format.
OpenedSource read_as(const std::string& format, const Source& source, const Reading& reading,
                     const std::shared_ptr<LostRanges>& lost, Progress& progress) {
  const auto* file = std::get_if<File>(&source);
  if (file == nullptr) return read_bytes_as(format, source, reading, lost, progress);
  // What a raw file is asked in vain, QEMU says in its own words.
  if (format == "raw" && !asks_for_changes(reading) && !is_beyond_qemu(reading)) {
    return open_bytes(source, reading, progress);
  }
  std::string why_qemu;
  if (format == "qcow2") {
    try {
      return read_natively(file->path, reading, lost);
    } catch (const Error& error) {
      // QEMU gives an image up as a whole once it meets an entry that makes no sense. To what is
      // not trusted nobody is to be chosen by itself.
      const bool is_for_qemu = error.advice() == Advice::kReadWithQemu && !reading.isolate;
      if (!is_for_qemu || is_beyond_qemu(reading) || lost != nullptr) throw;
      why_qemu = reason_of(error, file->path);
    }
  }
  if (is_beyond_qemu(reading)) refuse_question(file->path, reading);
  return {open_qemu(file->path, format, qemu_options(reading)), {}, Reader::kQemu, why_qemu};
}

std::string found_format(const Input& input) {
  std::string format = format_of(input.reading);
  const auto* file = std::get_if<File>(&input.source);
  if (format != "auto" || file == nullptr) return format;
  // QEMU would say the same, but would have to be there.
  if (input.reading.isolate) {
    const auto disk = open_disk(file->path, {.force_share = input.reading.force_share});
    if (image_magic(*disk) == "qcow2") return "qcow2";
  }
  return probe_format(file->path, qemu_options(input.reading));
}

}  // namespace

std::string format_of(const Reading& reading) {
  return reading.format.value_or("raw");
}

bool is_taken_as_it_is(const Input& input) {
  const bool has_bytes = std::holds_alternative<StandardInput>(input.source) ||
                         std::holds_alternative<File>(input.source);
  return has_bytes && format_of(input.reading) == "raw";
}

std::optional<std::uint64_t> announced_size(const Source& source) {
  const auto* input = std::get_if<StandardInput>(&source);
  return input != nullptr ? input->size : std::nullopt;
}

OpenedSource open_source(const Input& input, Progress& progress) {
  const auto lost = input.reading.salvage ? std::make_shared<LostRanges>() : nullptr;
  OpenedSource opened = read_as(found_format(input), input.source, input.reading, lost, progress);
  if (lost != nullptr && opened.lost == nullptr) {
    opened.disk = salvaging(opened.disk, lost);
    opened.lost = lost;
  }
  if (input.reading.only_first) {
    opened.disk = first_bytes(opened.disk, *input.reading.only_first);
  }
  return opened;
}

}  // namespace qcow2stream::cli
