// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is refused, and what would fit instead.

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "plan/layout.h"
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
  return std::nullopt;
}

// Whether the same data fits in another geometry. With larger clusters it needs at most as many of
// them, and at most one L2 table for each.
bool fits(const qcow2::Geometry& geometry, std::uint64_t virtual_size, ClusterCount data) {
  const ClusterCount clusters = std::min(data, geometry.clusters_for(virtual_size));
  const std::uint64_t l1_entries =
      div_up(geometry.clusters_for(virtual_size), geometry.l2_entries());
  return !broken_limit(
      geometry, virtual_size,
      total_clusters(geometry, virtual_size, std::min(l1_entries, clusters), clusters));
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

// For options that are known to be good.
qcow2::Geometry checked_geometry(const ImageOptions& options) {
  return {.cluster_bits = static_cast<unsigned>(std::countr_zero(options.cluster_size)),
          .refcount_order = static_cast<unsigned>(std::countr_zero(options.refcount_bits)),
          .version = options.version};
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
  if (!options.data_file) return std::nullopt;

  if (options.version == 2) {
    return OptionProblem{Field::kDataFile, "an external data file needs version 3"};
  }
  const std::uint64_t most = qcow2::max_data_file_name(checked_geometry(options));
  const std::string& name = options.data_file->name;
  if (most == 0) {
    return OptionProblem{Field::kDataFile,
                         fmt::format("an external data file needs clusters larger than {}", size)};
  }
  if (name.empty() || name.find('\0') != std::string::npos) {
    return OptionProblem{Field::kDataFile, "the name of the data file is empty or holds a NUL"};
  }
  if (name.size() > most) {
    return OptionProblem{Field::kDataFile,
                         fmt::format("a name of {} bytes does not fit, {} bytes do at this cluster "
                                     "size",
                                     name.size(), most)};
  }
  return std::nullopt;
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
  check_limits(name, geometry, virtual_size, total_clusters(geometry, virtual_size, 0, 0));
}

void check_limits(const std::string& disk_name, const qcow2::Geometry& geometry,
                  std::uint64_t virtual_size, const ClusterTotals& totals) {
  if (const auto limit = broken_limit(geometry, virtual_size, totals)) {
    refuse(disk_name, *limit, what_would_fit(geometry, virtual_size, totals.data));
  }
}

}  // namespace qcow2stream
