// SPDX-License-Identifier: GPL-2.0-or-later

#include "survey/bitmap_survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "base/bits.h"
#include "base/zero.h"
#include "layout/layout.h"
#include "qcow2stream/disk_bitmaps.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using BitsKind = qcow2::BitmapCluster::Kind;

// Of all bitmaps together. A disk of 2 TiB has a million clusters of bits at the most, if clusters
// have 512 bytes and every bit stands for as many. Each run takes 16 bytes here and 32 in the
// layout.
constexpr std::size_t kMostBitmapRuns = 1 << 20;

// What bytes of a bitmap are, whose last one has `unused` bits that are not set.
BitsKind bits_kind_of(std::span<const std::byte> bytes, unsigned unused) {
  if (is_zero(bytes)) return BitsKind::kZeros;
  constexpr std::byte kAll{0xff};
  const bool is_full = bytes.back() == kAll >> unused &&
                       std::ranges::all_of(bytes.first(bytes.size() - 1),
                                           [](std::byte byte) { return byte == kAll; });
  return is_full ? BitsKind::kOnes : BitsKind::kStored;
}

class BitmapScan {
 public:
  BitmapScan(const Disk& disk, std::uint64_t cluster_size)
      : disk_(disk), bitmaps_(*disk.bitmaps()), buffer_(cluster_size) {}

  std::shared_ptr<const CarriedBitmaps> run() {
    auto all = std::make_shared<CarriedBitmaps>();
    for (std::size_t i = 0; i < bitmaps_.list().size(); ++i) all->list.push_back(scan(i));
    return all;
  }

 private:
  CarriedBitmap scan(std::size_t number) {
    const DiskBitmap& bitmap = bitmaps_.list()[number];
    CarriedBitmap found{.name = bitmap.name,
                        .granularity_bits = bitmap.granularity_bits,
                        .is_active = bitmap.is_active};
    const std::uint64_t cluster_size = buffer_.size();
    const std::uint64_t bytes = qcow2::bytes_of_bitmap(disk_.size(), bitmap.granularity_bits);
    const auto unused = static_cast<unsigned>(
        bytes * 8 - qcow2::bits_of_bitmap(disk_.size(), bitmap.granularity_bits));
    for (std::uint64_t at = 0; at < bytes;) {
      const std::uint64_t rest = bytes - at;
      const auto [holds, length] = bitmaps_.stretch_at(number, at);
      // As many whole clusters as are alike; the last may be short.
      const std::uint64_t alike = length >= rest ? rest : align_down(length, cluster_size);
      if (holds != DiskBitmaps::Holds::kBits && alike > 0) {
        const bool ones = holds == DiskBitmaps::Holds::kOnes;
        add(found, ones ? BitsKind::kOnes : BitsKind::kZeros, div_up(alike, cluster_size));
        at += alike;
        continue;
      }
      const auto cluster = std::span(buffer_).first(std::min(cluster_size, rest));
      bitmaps_.read(number, at, cluster);
      at += cluster.size();
      add(found, bits_kind_of(cluster, at == bytes ? unused : 0), 1);
    }
    // QEMU takes no bitmap without a table.
    if (bytes == 0) add(found, BitsKind::kZeros, 1);
    return found;
  }

  void add(CarriedBitmap& bitmap, BitsKind kind, std::uint64_t clusters) {
    if (!bitmap.runs.empty() && bitmap.runs.back().kind == kind) {
      bitmap.runs.back().clusters += clusters;
      return;
    }
    bitmap.runs.push_back({.kind = kind, .clusters = clusters});
    if (++runs_ <= kMostBitmapRuns) return;
    throw Error(
        ErrorKind::kFailed, disk_.name(), "its dirty bitmaps cannot be carried",
        fmt::format("they change between zeros, ones and both more than {} times", kMostBitmapRuns))
        .about(ErrorSubject::kDisk);
  }

  const Disk& disk_;
  const DiskBitmaps& bitmaps_;
  std::vector<std::byte> buffer_;
  std::size_t runs_ = 0;  // of all bitmaps
};

}  // namespace

std::shared_ptr<const CarriedBitmaps> survey_bitmaps(const Disk& disk, const ImageOptions& image) {
  if (disk.bitmaps() == nullptr) {
    throw Error(ErrorKind::kFailed, disk.name(), "its dirty bitmaps cannot be carried",
                "they are not known here")
        .about(ErrorSubject::kDisk);
  }
  return BitmapScan(disk, image.cluster_size).run();
}

}  // namespace qcow2stream
