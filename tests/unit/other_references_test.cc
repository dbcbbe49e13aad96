// SPDX-License-Identifier: GPL-2.0-or-later
//
// Images whose snapshots and bitmaps share tables, and tables that lie over each other.

#include "restore/other_references.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/endian.h"
#include "qcow2/bitmaps.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2/snapshots.h"
#include "qcow2stream/error.h"
#include "restore/reference_counts.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kCluster = 512;
constexpr std::uint64_t kEntries = kCluster / 8;

// Where the parts of the image lie, in clusters.
constexpr std::uint64_t kL1 = 8;
constexpr std::uint64_t kL1Clusters = 4;
constexpr std::uint64_t kL2 = 16;
constexpr std::uint64_t kL2Clusters = 4;
constexpr std::uint64_t kData = 32;
constexpr std::uint64_t kDataClusters = 16;
constexpr std::uint64_t kBitmapTable = 48;
constexpr std::uint64_t kBitmapClusters = 2;
constexpr std::uint64_t kBits = 52;
constexpr std::uint64_t kBitsClusters = 4;
constexpr std::uint64_t kDirectory = 60;
constexpr std::uint64_t kSnapshotTable = 128;
constexpr std::uint64_t kImageClusters = 1024;

class SharedTables {
 public:
  explicit SharedTables(unsigned seed) : random_(seed) {
    header_.geometry = {.cluster_bits = 9, .refcount_order = 4, .version = 3};
    // A bit for each 512 bytes of it fills as many clusters as the tables have entries.
    header_.virtual_size = kBitmapClusters * kEntries * kCluster * 8 * 512;
    for (std::uint64_t i = 0; i < kL1Clusters * kEntries; ++i) {
      if (below(3) != 0) put(kL1 * kEntries + i, (kL2 + below(kL2Clusters)) * kCluster);
    }
    for (std::uint64_t i = 0; i < kL2Clusters * kEntries; ++i) {
      const HostOffset data((kData + below(kDataClusters - 1)) * kCluster);
      const std::uint64_t kind = below(4);
      if (kind == 0) continue;
      put(kL2 * kEntries + i, kind == 1 ? qcow2::encode_compressed_entry(data + 100, 500, 9)
                                        : qcow2::encode_shared_entry(data));
    }
    for (std::uint64_t i = 0; i < kBitmapClusters * kEntries; ++i) {
      if (below(2) != 0)
        put(kBitmapTable * kEntries + i, (kBits + below(kBitsClusters)) * kCluster);
    }
  }

  void add_snapshots(std::uint64_t count) {
    header_.snapshots = static_cast<std::uint32_t>(count);
    header_.snapshot_table_offset = HostOffset(kSnapshotTable * kCluster);
    std::uint64_t at = kSnapshotTable * kCluster;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t skipped = below(kL1Clusters);
      const std::uint64_t entries = below((kL1Clusters - skipped) * kEntries + 1);
      store_big(&image_[at], (kL1 + skipped) * kCluster);
      store_big(&image_[at + 8], static_cast<std::uint32_t>(entries));
      at += qcow2::kSnapshotFieldsSize;
      count_tables((kL1 + skipped) * kEntries, entries, [&](std::uint64_t l2) {
        refer(l2, kCluster);
        for (std::uint64_t k = 0; k < kEntries; ++k) count_l2_entry(get(l2 / 8 + k));
      });
    }
    refer(kSnapshotTable * kCluster, at - kSnapshotTable * kCluster);
  }

  void add_bitmaps(std::uint64_t count) {
    std::vector<qcow2::Bitmap> bitmaps;
    for (std::uint64_t i = 0; i < count; ++i) {
      // Each has a table as long as its bits need it: all, or a half and so on.
      const auto halved = static_cast<unsigned>(below(5));
      const std::uint64_t skipped = halved == 0 ? 0 : below(kBitmapClusters);
      const std::uint64_t entries = kBitmapClusters * kEntries >> halved;
      bitmaps.push_back({.table_offset = HostOffset((kBitmapTable + skipped) * kCluster),
                         .table_entries = entries,
                         .granularity_bits = 9 + halved,
                         .name = "b" + std::to_string(i)});
      count_tables((kBitmapTable + skipped) * kEntries, entries,
                   [&](std::uint64_t bits) { refer(bits, kCluster); });
    }
    const auto directory = qcow2::encode_bitmap_directory(bitmaps);
    std::ranges::copy(directory, image_.begin() + kDirectory * kCluster);
    header_.bitmaps =
        qcow2::BitmapDirectory{.count = static_cast<std::uint32_t>(count),
                               .range = {HostOffset(kDirectory * kCluster), directory.size()}};
    refer(kDirectory * kCluster, directory.size());
  }

  ReferenceCounts count() {
    ReferenceCounts counts(header_.geometry, "image");
    const auto read = [this](HostOffset at, std::span<std::byte> buffer) {
      std::ranges::copy(std::span(image_).subspan(at.value(), buffer.size()), buffer.begin());
      bytes_read_ += buffer.size();
      return true;
    };
    EXPECT_TRUE(OtherReferences(header_, "image", image_.size(), read, counts).count());
    return counts;
  }

  // Returns how many clusters have a count that is too high, where the count of each is by `more`
  // higher than what a walk through each table of its own has found.
  std::uint64_t too_high(std::uint16_t more) {
    ReferenceCounts counts = count();
    std::vector<std::byte> block(kImageClusters * 2);
    for (const auto& [cluster, times] : references_) {
      store_big(&block[cluster * 2], static_cast<std::uint16_t>(times + more));
    }
    counts.add_counts(HostCluster(0), block);
    return counts.compare(image_.size()).too_high;
  }

  [[nodiscard]] std::uint64_t referred_clusters() const { return references_.size(); }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t size() const { return image_.size(); }

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  void put(std::uint64_t word, std::uint64_t entry) { store_big(&image_[word * 8], entry); }
  [[nodiscard]] std::uint64_t get(std::uint64_t word) const {
    return load_big<std::uint64_t>(&image_[word * 8]);
  }

  void refer(std::uint64_t at, std::uint64_t length) {
    if (length == 0) return;
    for (std::uint64_t i = at / kCluster; i <= (at + length - 1) / kCluster; ++i) ++references_[i];
  }

  template <class Use>
  void count_tables(std::uint64_t word, std::uint64_t entries, const Use& use) {
    refer(word * 8, entries * 8);
    for (std::uint64_t i = 0; i < entries; ++i) {
      if (get(word + i) != 0) use(get(word + i));
    }
  }

  void count_l2_entry(std::uint64_t entry) {
    if (entry == 0) return;
    if ((entry & qcow2::kCompressedFlag) == 0) return refer(entry, kCluster);
    const HostRange blob = qcow2::decode_compressed_entry(entry, 9);
    refer(blob.begin.value(), blob.length);
  }

  std::mt19937 random_;
  qcow2::Header header_;
  std::vector<std::byte> image_ = std::vector<std::byte>(kImageClusters * kCluster);
  std::map<std::uint64_t, std::uint64_t> references_;
  std::uint64_t bytes_read_ = 0;
};

RC_GTEST_PROP(OtherReferences, CountEachTableAsOftenAsItIsUsed, (unsigned seed)) {
  SharedTables image(seed);
  image.add_snapshots(*rc::gen::inRange<std::uint64_t>(1, 6));
  if (*rc::gen::arbitrary<bool>()) image.add_bitmaps(*rc::gen::inRange<std::uint64_t>(1, 6));
  RC_ASSERT(image.too_high(0) == 0U);
  RC_ASSERT(image.too_high(1) == image.referred_clusters());
}

// An image of a few MiB could keep a reader busy for days otherwise.
TEST(OtherReferences, ReadSharedTablesOnce) {
  SharedTables image(1);
  image.add_snapshots(300);
  image.add_bitmaps(60);
  static_cast<void>(image.count());
  EXPECT_LE(image.bytes_read(), image.size());
}

}  // namespace
}  // namespace qcow2stream
