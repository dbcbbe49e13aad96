// SPDX-License-Identifier: GPL-2.0-or-later
//
#include "cli/option_table.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>
#include <limits>
#include <string_view>
#include <vector>

#include "cli/size.h"

namespace qcow2stream::cli {
namespace {

constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxConnections = 64;
constexpr unsigned kMaxRequests = 1024;
constexpr unsigned kMaxTimeout = 1'000'000;
constexpr int kNoSuchLevel = 1'000'000;

// --- values -------------------------------------------------------------------------------------

[[noreturn]] void bad_value(const char* value, std::string_view reason) {
  throw UsageError(fmt::format("'{}' {}", value, reason));
}

std::uint64_t size_value(const char* value) {
  try {
    return parse_size(value);
  } catch (const std::invalid_argument& error) {
    bad_value(value, error.what());
  }
}

unsigned number_value(const char* value) {
  unsigned number = 0;
  const char* end = value + std::strlen(value);
  const auto [stop, error] = std::from_chars(value, end, number);
  if (error != std::errc() || stop != end) bad_value(value, "is not a number");
  return number;
}

unsigned count_value(const char* value, unsigned most) {
  const unsigned number = number_value(value);
  if (number == 0 || number > most) bad_value(value, fmt::format("is not from 1 to {}", most));
  return number;
}

// The name of a block driver, as far as it can be told without QEMU.
std::string format_value(const char* value) {
  const std::string_view word(value);
  const auto is_name_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (word.empty() || !std::ranges::all_of(word, is_name_character)) {
    bad_value(value, "is not the name of a format");
  }
  return std::string(word);
}

std::uint32_t cluster_size_value(const char* value) {
  std::uint64_t size = 0;
  try {
    size = parse_size(value);
  } catch (const std::invalid_argument& error) {
    bad_value(value, fmt::format("{}; -c sets the cluster size; to compress, use --compress",
                                 error.what()));
  }
  if (size > std::numeric_limits<std::uint32_t>::max()) {
    bad_value(value, "is not a power of two from 512 to 2097152");
  }
  return static_cast<std::uint32_t>(size);
}

std::uint32_t window_value(const char* value) {
  const std::uint64_t size = size_value(value);
  if (size != 4096 && size != 32768) bad_value(value, "is not 4k or 32k");
  return static_cast<std::uint32_t>(size);
}

Scan scan_value(const char* value) {
  const std::string_view word(value);
  if (word == "zeros" || word == "zeroes") return Scan::kZeros;
  if (word == "holes") return Scan::kHoles;
  if (word == "none") return Scan::kNone;
  bad_value(value, "is not one of zeros, holes, none");
}

// zlib, zstd, zlib:3
Compression compression_value(const char* value) {
  Compression compression;
  std::string_view word(value == nullptr ? "zlib" : value);
  const std::size_t colon = word.find(':');
  if (colon != std::string_view::npos) {
    compression.level =
        static_cast<int>(std::min(number_value(word.data() + colon + 1), unsigned{kNoSuchLevel}));
    word = word.substr(0, colon);
  }
  if (word == "zstd") {
    compression.type = CompressionType::kZstd;
  } else if (word != "zlib") {
    bad_value(value, "is not zlib or zstd, with :LEVEL where you want");
  }
  return compression;
}

MeasureFormat measure_value(const char* value) {
  if (value == nullptr) return MeasureFormat::kHuman;
  const std::string_view word(value);
  if (word == "human") return MeasureFormat::kHuman;
  if (word == "json") return MeasureFormat::kJson;
  if (word == "size") return MeasureFormat::kSize;
  bad_value(value, "is not one of human, json, size");
}

int progress_fd_value(const char* value) {
  const unsigned number = number_value(value);
  if (number == STDOUT_FILENO) bad_value(value, "is standard output, which carries the image");
  const int flags =
      number <= std::numeric_limits<int>::max() ? ::fcntl(static_cast<int>(number), F_GETFL) : -1;
  if (flags < 0) bad_value(value, "is not an open file descriptor");
  if ((flags & O_ACCMODE) == O_RDONLY) bad_value(value, "is open for reading only");
  return static_cast<int>(number);
}

std::string path_value(const char* value) {
  if (*value == 0) bad_value(value, "is not a name");
  return value;
}

void set_threads(Parsed& p, const char* value) {
  p.options.threads = number_value(value);
  if (p.options.threads > kMaxThreads)
    bad_value(value, fmt::format("is more than {}", kMaxThreads));
}

// --- the table ----------------------------------------------------------------------------------

constexpr std::array kInputOptions = {
    OptionSpec{'f', "input-format", Value::kRequired, "FMT",
               "format of DISK: raw (default), any that QEMU\nreads (qcow2, vmdk, ...), or auto",
               [](Parsed& p, const char* value) {
                 p.options.format = format_value(value);
                 p.options.format_given = true;
               }},
    OptionSpec{0, "blockdev", Value::kRequired, "JSON", "a QEMU block node instead of DISK and -f",
               [](Parsed& p, const char* value) { p.options.blockdev = value; }},
    OptionSpec{0, "object", Value::kRequired, "JSON", "a QEMU object that --blockdev refers to",
               [](Parsed& p, const char* value) { p.options.objects.emplace_back(value); }},
    OptionSpec{0, "scan", Value::kRequired, "HOW",
               "leave out: zeros (default), holes only, or none",
               [](Parsed& p, const char* value) { p.options.scan = scan_value(value); }},
    OptionSpec{0, "allocated", Value::kNone, "", "the same as --scan none",
               [](Parsed& p, const char*) { p.options.scan = Scan::kNone; }},
    OptionSpec{
        0, "map", Value::kRequired, "FILE",
        "JSON that says what is allocated, from qemu-img map,\nrbd diff, nbdinfo or elsewhere",
        [](Parsed& p, const char* value) { p.options.map = value; }},
    OptionSpec{0, "no-extents", Value::kNone, "", "do not ask DISK for its holes",
               [](Parsed& p, const char*) { p.options.use_extents = false; }},
    OptionSpec{0, "connections", Value::kRequired, "N", "to an NBD server, where it takes several",
               [](Parsed& p, const char* value) {
                 p.options.nbd.connections = count_value(value, kMaxConnections);
               }},
    OptionSpec{0, "requests", Value::kRequired, "N", "in flight on each connection",
               [](Parsed& p, const char* value) {
                 p.options.nbd.requests = count_value(value, kMaxRequests);
               }},
    OptionSpec{0, "timeout", Value::kRequired, "SECONDS",
               "give up an NBD server that is silent (60)",
               [](Parsed& p, const char* value) {
                 p.options.nbd.timeout = std::chrono::seconds(count_value(value, kMaxTimeout));
               }},
    OptionSpec{0, "size", Value::kRequired, "N",
               "size of standard input; with --scan none it is\nwritten while it is read",
               [](Parsed& p, const char* value) { p.options.size = size_value(value); }},
};

constexpr std::array kImageOptions = {
    OptionSpec{'c', "cluster-size", Value::kRequired, "N", "512 to 2M, a power of two (64k)",
               [](Parsed& p, const char* value) {
                 p.options.image.cluster_size = cluster_size_value(value);
               }},
    OptionSpec{
        'r', "refcount-bits", Value::kRequired, "N", "1, 2, 4, 8, 16, 32 or 64 (16)",
        [](Parsed& p, const char* value) { p.options.image.refcount_bits = number_value(value); }},
    OptionSpec{'v', "qcow2-version", Value::kRequired, "N", "2 or 3 (3)",
               [](Parsed& p, const char* value) { p.options.image.version = number_value(value); }},
    OptionSpec{'d', "data-file", Value::kAttached, "NAME",
               "DISK stays where it is, as external data file;\nthe image records NAME (DISK)",
               [](Parsed& p, const char* value) {
                 p.data_file = true;
                 if (value != nullptr) p.data_file_name = value;
               }},
    OptionSpec{'R', "data-file-raw", Value::kNone, "",
               "-d, and every cluster is mapped: DISK stays raw",
               [](Parsed& p, const char*) { p.data_file_raw = true; }},
    OptionSpec{0, "compress", Value::kAttached, "TYPE[:LEVEL]",
               "compressed clusters; TYPE: zlib (default), zstd",
               [](Parsed& p, const char* value) {
                 p.options.image.compression = compression_value(value);
               }},
    OptionSpec{0, "deflate-window", Value::kRequired, "N",
               "of zlib: 4k (default), or 32k for smaller images",
               [](Parsed& p, const char* value) { p.deflate_window = window_value(value); }},
};

constexpr std::array kOutputOptions = {
    OptionSpec{0, "offset", Value::kRequired, "N", "begin at this byte of the image",
               [](Parsed& p, const char* value) { p.options.offset = size_value(value); }},
    OptionSpec{0, "length", Value::kRequired, "N", "write at most so many bytes of it",
               [](Parsed& p, const char* value) { p.options.length = size_value(value); }},
    OptionSpec{0, "measure", Value::kAttached, "HOW",
               "exact size, no image; HOW: human, json, size",
               [](Parsed& p, const char* value) {
                 p.options.action = Action::kMeasure;
                 p.options.measure = measure_value(value);
               }},
    OptionSpec{0, "if-match", Value::kRequired, "ID",
               "refuse if the image is not the one with this id",
               [](Parsed& p, const char* value) { p.options.if_match = value; }},
};

constexpr std::array kOtherOptions = {
    OptionSpec{'p', "progress", Value::kAttached, "FD", "progress bar; with FD: lines N/100 there",
               [](Parsed& p, const char* value) {
                 p.options.progress =
                     value != nullptr ? ProgressStyle::kLines : ProgressStyle::kBar;
                 if (value != nullptr) p.options.progress_fd = progress_fd_value(value);
               }},
    OptionSpec{'q', "quiet", Value::kNone, "", "no progress bar, no warnings",
               [](Parsed& p, const char*) { p.options.quiet = true; }},
    OptionSpec{0, "verbose", Value::kNone, "", "say what is done and how",
               [](Parsed& p, const char*) { p.options.verbose = true; }},
    OptionSpec{'T', "threads", Value::kRequired, "N", "worker threads; 0: one a core (default)",
               set_threads},
    OptionSpec{'j', "", Value::kRequired, "", "", set_threads},
    OptionSpec{0, "spool-memory", Value::kRequired, "N", "memory for what --compress keeps (512M)",
               [](Parsed& p, const char* value) { p.options.spool_memory = size_value(value); }},
    OptionSpec{0, "spool-dir", Value::kRequired, "DIR",
               "where standard input ($TMPDIR or /var/tmp) and what\n--compress has no memory for "
               "(nowhere) is kept",
               [](Parsed& p, const char* value) { p.options.spool_directory = path_value(value); }},
    OptionSpec{'h', "help", Value::kNone, "", "this text",
               [](Parsed& p, const char*) { p.options.action = Action::kHelp; }},
    OptionSpec{'V', "version", Value::kNone, "", "the version",
               [](Parsed& p, const char*) { p.options.action = Action::kVersion; }},
};

constexpr std::array<OptionGroup, 4> kGroups = {{{"Input", kInputOptions},
                                                 {"Image", kImageOptions},
                                                 {"Output", kOutputOptions},
                                                 {"Other", kOtherOptions}}};

}  // namespace

std::span<const OptionGroup> option_groups() {
  return kGroups;
}

}  // namespace qcow2stream::cli
