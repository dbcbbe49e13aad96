// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/option_values.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <string_view>

#include "common/digest_text.h"
#include "common/size.h"
#include "system/fd.h"

namespace qcow2stream::cli {
namespace {

constexpr int kNoSuchLevel = 1'000'000;

// Those of an open descriptor.
int flags_of(const char* value, unsigned number) {
  if (number > std::numeric_limits<int>::max() || !is_open(static_cast<int>(number))) {
    bad_value(value, "is not an open file descriptor");
  }
  return ::fcntl(static_cast<int>(number), F_GETFL);
}

}  // namespace

void bad_value(const char* value, std::string_view reason) {
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
  if (word == "id") return MeasureFormat::kId;
  bad_value(value, "is not one of human, json, size, id");
}

DigestRequest digest_value(const char* value) {
  const std::string_view word(value);
  const std::size_t equals = word.find('=');
  const auto algorithm = digest_algorithm(word.substr(0, equals));
  if (!algorithm) {
    bad_value(value, fmt::format("is not one of {}, with =FILE where you want",
                                 fmt::join(digest_names(), ", ")));
  }
  if (equals == std::string_view::npos) return {.algorithm = *algorithm};
  return {.algorithm = *algorithm, .file = side_file_value(value + equals + 1)};
}

std::string side_file_value(const char* value) {
  const std::string_view word(value);
  if (word == "/dev/stdout" || word == "/dev/fd/1" || word == "/proc/self/fd/1") {
    bad_value(value, "is standard output, which carries the image");
  }
  return path_value(value);
}

// Of an input: what can be opened as a file.
std::string fd_path_value(const char* value) {
  const unsigned number = number_value(value);
  const int flags = flags_of(value, number);
  if ((flags & O_ACCMODE) == O_WRONLY) bad_value(value, "is open for writing only");
  return fmt::format("/dev/fd/{}", number);
}

int progress_fd_value(const char* value) {
  const unsigned number = number_value(value);
  if (number == STDOUT_FILENO) bad_value(value, "is standard output, which carries the image");
  const int flags = flags_of(value, number);
  if ((flags & O_ACCMODE) == O_RDONLY) bad_value(value, "is open for reading only");
  return static_cast<int>(number);
}

std::string report_value(const char* value) {
  const std::string_view word(value);
  const bool is_number =
      !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
  return is_number ? fmt::format("/dev/fd/{}", progress_fd_value(value)) : side_file_value(value);
}

std::string path_value(const char* value) {
  if (*value == 0) bad_value(value, "is not a name");
  return value;
}

std::string command_value(const char* value) {
  if (std::string_view(value).find_first_not_of(" \t\n") == std::string_view::npos) {
    bad_value(value, "is not a command");
  }
  return value;
}

}  // namespace qcow2stream::cli
