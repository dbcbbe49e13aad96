// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <string_view>

#include "common/digest_text.h"
#include "common/option_values.h"
#include "common/size.h"
#include "qcow2stream/manifest.h"

namespace qcow2stream::cli {
namespace {

constexpr int kNoSuchLevel = 1'000'000;

constexpr std::uint64_t kMostParts = 1'000'000;

}  // namespace

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

LeaveOutKinds leave_out_value(const char* value) {
  LeaveOutKinds kinds;
  std::string_view rest(value);
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    if (word != "free" && word != "swap") bad_value(value, "is not free, swap, or free,swap");
    (word == "free" ? kinds.free : kinds.swap) = true;
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  return kinds;
}

// zlib, zstd, zlib:3
Compression compression_value(const char* value) {
  Compression compression;
  std::string_view word(value == nullptr ? "zlib" : value);
  if (word == "keep") {
    compression.keep = true;
    return compression;
  }
  const std::size_t colon = word.find(':');
  if (colon != std::string_view::npos) {
    compression.level =
        static_cast<int>(std::min(number_value(word.data() + colon + 1), unsigned{kNoSuchLevel}));
    word = word.substr(0, colon);
  }
  if (word == "zstd") {
    compression.type = CompressionType::kZstd;
  } else if (word != "zlib") {
    bad_value(value, "is not zlib or zstd, with :LEVEL where you want, or keep");
  }
  return compression;
}

NumberedPart part_value(const char* value) {
  const std::string_view word(value);
  const auto slash = std::min(word.find('/'), word.size());
  const std::string_view count = word.substr(std::min(slash + 1, word.size()));
  NumberedPart part{.number = 0, .count = 0};
  const auto is_number = [](std::string_view text, std::uint64_t& number) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && stop == text.data() + text.size();
  };
  if (!is_number(word.substr(0, slash), part.number) || !is_number(count, part.count) ||
      part.number == 0 || part.number > part.count || part.count > kMostParts) {
    bad_value(value, fmt::format("is not K/N, with K from 1 to N, and N at most {}", kMostParts));
  }
  return part;
}

MeasureFormat measure_value(const char* value) {
  if (value == nullptr) return MeasureFormat::kHuman;
  const std::string_view word(value);
  if (word == "human") return MeasureFormat::kHuman;
  if (word == "json") return MeasureFormat::kJson;
  if (word == "size") return MeasureFormat::kSize;
  if (word == "id") return MeasureFormat::kId;
  if (word == "root") return MeasureFormat::kRoot;
  bad_value(value, "is not one of human, json, size, id, root");
}

unsigned chunk_bits_value(const char* value) {
  const std::uint64_t size = size_value(value);
  for (unsigned bits = kFewestChunkBits; bits <= kMostChunkBits; ++bits) {
    if (size == std::uint64_t{1} << bits) return bits;
  }
  bad_value(value, "is not a power of two from 64k to 16M");
}

OutputFormat output_format_value(const char* value) {
  const std::string_view word(value);
  if (word == "qcow2") return OutputFormat::kQcow2;
  if (word == "raw") return OutputFormat::kRaw;
  bad_value(value, "is not qcow2 or raw");
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
  return {.algorithm = *algorithm, .file = side_file_value(value + equals + 1, kCarried)};
}

}  // namespace qcow2stream::cli
