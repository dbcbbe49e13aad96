// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which options and sizes are refused, and what would fit instead.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "layout/layout.h"
#include "layout/levels.h"
#include "qcow2/limits.h"
#include "qcow2stream/error.h"
#include "qcow2stream/options.h"

namespace qcow2stream {
namespace {

using Field = OptionProblem::Field;

std::uint64_t table_bytes(const qcow2::Geometry& geometry, ClusterCount clusters) {
  return clusters * geometry.cluster_size();
}

std::uint64_t l1_bytes(const qcow2::Geometry& geometry, std::uint64_t virtual_size) {
  return div_up(geometry.clusters_for(virtual_size), geometry.l2_entries()) * 8;
}

// The first limit that an image breaks, in words, or nothing.
std::optional<std::string> broken_limit(const qcow2::Geometry& geometry, std::uint64_t virtual_size,
                                        const ClusterTotals& totals) {
  if (virtual_size > qcow2::kMaxVirtualSize) {
    return fmt::format("a disk of {} bytes is larger than any image can describe", virtual_size);
  }
  const std::uint64_t l1 = l1_bytes(geometry, virtual_size);
  if (l1 > qcow2::kMaxL1Bytes) {
    return fmt::format(
        "{} bytes in clusters of {} need an L1 table of {} bytes, QEMU reads at most {}",
        virtual_size, geometry.cluster_size(), l1, qcow2::kMaxL1Bytes);
  }
  const std::uint64_t table = table_bytes(geometry, totals.refcount_table);
  if (table > qcow2::kMaxRefcountTableBytes) {
    return fmt::format(
        "{} clusters of {} with {}-bit refcounts need a refcount table of {} bytes, QEMU reads at "
        "most {}",
        totals.all(), geometry.cluster_size(), geometry.refcount_bits(), table,
        qcow2::kMaxRefcountTableBytes);
  }
  if (totals.all() > qcow2::kMaxHostOffset / geometry.cluster_size()) {
    return fmt::format("{} clusters of {} end past the format's last offset {}", totals.all(),
                       geometry.cluster_size(), qcow2::kMaxHostOffset);
  }
  const std::uint64_t compressed_end = qcow2::max_compressed_offset(geometry.cluster_bits);
  if (totals.compressed > 0 && totals.all() > compressed_end / geometry.cluster_size()) {
    return fmt::format("{} clusters of {} end past the last offset {} of compressed clusters",
                       totals.all(), geometry.cluster_size(), compressed_end);
  }
  return std::nullopt;
}

// Whether the same data fits in another geometry. With larger clusters it needs at most as many of
// them, and at most one L2 table for each. Compressed clusters are counted like those that are not.
bool fits(const qcow2::Geometry& geometry, std::uint64_t virtual_size, ClusterCount data) {
  const ClusterCount clusters = std::min(data, geometry.clusters_for(virtual_size));
  const std::uint64_t l1_entries =
      div_up(geometry.clusters_for(virtual_size), geometry.l2_entries());
  return !broken_limit(
      geometry, virtual_size,
      total_clusters(geometry, virtual_size,
                     {.l2_tables = std::min(l1_entries, clusters), .data = clusters}));
}

std::string what_would_fit(const qcow2::Geometry& geometry, std::uint64_t virtual_size,
                           ClusterCount data) {
  std::string advice;
  for (qcow2::Geometry other = geometry; other.cluster_bits < qcow2::kMaxClusterBits;) {
    ++other.cluster_bits;
    if (fits(other, virtual_size, data)) {
      advice = fmt::format("use a cluster size of {} or more", other.cluster_size());
      break;
    }
  }
  for (qcow2::Geometry other = geometry; other.refcount_order > 0 && other.version >= 3;) {
    --other.refcount_order;
    if (fits(other, virtual_size, data)) {
      advice += fmt::format("{}refcounts of {} bits or fewer", advice.empty() ? "use " : ", or ",
                            other.refcount_bits());
      break;
    }
  }
  return advice.empty() ? "no image format option makes it fit" : advice;
}

// The geometry of options that are known to be good.
qcow2::Geometry checked_geometry(const ImageOptions& options) {
  return {.cluster_bits = static_cast<unsigned>(std::countr_zero(options.cluster_size)),
          .refcount_order = static_cast<unsigned>(std::countr_zero(options.refcount_bits)),
          .version = options.version,
          .extended_l2 = options.extended_l2};
}

std::optional<OptionProblem> find_data_file_problem(const ImageOptions& options) {
  if (!options.data_file) return std::nullopt;
  if (options.version == 2) {
    return OptionProblem{Field::kDataFile, "an external data file needs version 3"};
  }
  const std::uint64_t most =
      qcow2::max_data_file_name(checked_geometry(options), options.root_record.has_value());
  const std::string& name = options.data_file->name;
  if (most == 0) {
    return OptionProblem{
        Field::kDataFile,
        fmt::format("an external data file needs clusters larger than {}", options.cluster_size)};
  }
  if (name.empty() || name.find('\0') != std::string::npos) {
    return OptionProblem{Field::kDataFile, "the name of the data file is empty or holds a NUL"};
  }
  if (name.size() > most) {
    return OptionProblem{
        Field::kDataFile,
        fmt::format("a name of {} bytes does not fit, {} bytes do at this cluster size",
                    name.size(), most)};
  }
  return std::nullopt;
}

std::optional<OptionProblem> find_backing_file_problem(const ImageOptions& options) {
  if (!options.backing_file) return std::nullopt;
  const auto& [name, format] = *options.backing_file;
  const auto problem = [](std::string reason) {
    return OptionProblem{Field::kBackingFile, std::move(reason)};
  };
  if (options.data_file) return problem("an image with an external data file cannot have one");
  if (name.empty() || name.find('\0') != std::string::npos) {
    return problem("the name of the backing file is empty or holds a NUL");
  }
  if (format.empty() || format.size() > qcow2::kMaxBackingFormatBytes) {
    return problem(fmt::format("the name of its format has {} bytes, not 1 to {}", format.size(),
                               qcow2::kMaxBackingFormatBytes));
  }
  const std::uint64_t most = qcow2::max_backing_file_name(
      checked_geometry(options), format.size(),
      {.bitmaps = options.bitmaps, .root = options.root_record.has_value()});
  if (name.size() > most) {
    return problem(fmt::format("a name of {} bytes does not fit, {} bytes do at this cluster size",
                               name.size(), most));
  }
  return std::nullopt;
}

std::optional<OptionProblem> find_compression_problem(const ImageOptions& options) {
  if (!options.compression) return std::nullopt;
  const Compression& compression = *options.compression;
  const auto problem = [](std::string reason) {
    return OptionProblem{Field::kCompression, std::move(reason)};
  };
  const std::uint32_t window = compression.deflate_window;
  if (window != 4096 && window != 32768) {
    return problem(fmt::format("a deflate window of {} bytes is neither 4096 nor 32768", window));
  }
  if (compression.type == CompressionType::kZstd && window != 4096) {
    return problem("only zlib has a deflate window");
  }
  if (compression.type == CompressionType::kZstd && options.version == 2) {
    return problem("zstd needs version 3");
  }
  const CompressionLevels levels = compression_levels(compression.type, window);
  const int level = compression.level.value_or(levels.normal);
  if (level < levels.least || level > levels.most) {
    return problem(fmt::format("level {} is not from {} to {}", level, levels.least, levels.most));
  }
  if (options.data_file) return problem("an external data file cannot hold compressed clusters");
  if (options.refcount_bits == 1) {
    return problem(
        "refcounts of 1 bit would give each compressed cluster a whole cluster of space; use 2 "
        "bits or more");
  }
  return std::nullopt;
}

[[noreturn]] void refuse(const std::string& disk_name, const std::string& limit,
                         const std::string& advice) {
  throw Error(ErrorKind::kFailed, disk_name, "does not fit into a qcow2 image",
              limit + "; " + advice);
}

}  // namespace

std::optional<OptionProblem> find_problem(const ImageOptions& options) {
  const std::uint32_t size = options.cluster_size;
  if (!std::has_single_bit(size) || size < 1U << qcow2::kMinClusterBits ||
      size > 1U << qcow2::kMaxClusterBits) {
    return OptionProblem{Field::kClusterSize,
                         fmt::format("{} is not a power of two from 512 to 2097152", size)};
  }
  if (!std::has_single_bit(options.refcount_bits) ||
      options.refcount_bits > 1U << qcow2::kMaxRefcountOrder) {
    return OptionProblem{
        Field::kRefcountBits,
        fmt::format("{} is not one of 1, 2, 4, 8, 16, 32, 64", options.refcount_bits)};
  }
  if (options.version != 2 && options.version != 3) {
    return OptionProblem{Field::kVersion, fmt::format("{} is not 2 or 3", options.version)};
  }
  if (options.version == 2 && options.refcount_bits != 16) {
    return OptionProblem{Field::kRefcountBits,
                         fmt::format("refcounts of {} bits need version 3", options.refcount_bits)};
  }
  if (options.extended_l2 && options.version == 2) {
    return OptionProblem{Field::kExtendedL2, "extended L2 entries need version 3"};
  }
  if (options.extended_l2 && size < 1U << qcow2::kMinExtendedL2ClusterBits) {
    return OptionProblem{
        Field::kExtendedL2,
        fmt::format("clusters of {} bytes are too small for subclusters, which need {} or more",
                    size, 1U << qcow2::kMinExtendedL2ClusterBits)};
  }
  if (options.bitmaps && options.version == 2) {
    return OptionProblem{Field::kBitmaps, "dirty bitmaps need version 3"};
  }
  if (options.bitmaps && options.data_file) {
    return OptionProblem{Field::kBitmaps, "a raw disk that stays has no dirty bitmaps"};
  }
  if (auto problem = find_backing_file_problem(options)) return problem;
  if (auto problem = find_compression_problem(options)) return problem;
  return find_data_file_problem(options);
}

qcow2::Geometry geometry_of(const ImageOptions& options) {
  if (const auto problem = find_problem(options)) {
    throw Error(ErrorKind::kUsage, "image options", "", problem->reason);
  }
  return checked_geometry(options);
}

void check_disk_size(const std::string& name, std::uint64_t size, const ImageOptions& options) {
  const qcow2::Geometry geometry = geometry_of(options);
  if (size > qcow2::kMaxVirtualSize) {
    refuse(name, fmt::format("{} bytes are more than the format can count", size),
           "no option makes it fit");
  }
  // Without any data, so that only what follows from the size alone is looked at.
  const std::uint64_t virtual_size = virtual_size_of(size);
  check_limits(name, geometry, virtual_size, total_clusters(geometry, virtual_size, {}));
}

void check_limits(const std::string& disk_name, const qcow2::Geometry& geometry,
                  std::uint64_t virtual_size, const ClusterTotals& totals) {
  if (const auto limit = broken_limit(geometry, virtual_size, totals)) {
    refuse(disk_name, *limit,
           what_would_fit(geometry, virtual_size, totals.data + totals.compressed));
  }
}

}  // namespace qcow2stream
