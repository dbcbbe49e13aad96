// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tables of snapshots that are written by hand.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/header.h"
#include "qcow2/header_fields.h"
#include "qcow2/snapshots.h"
#include "qcow2stream/error.h"
#include "qcow2stream/qcow2.h"
#include "qcow2stream/restore.h"
#include "restore_testing.h"
#include "system/fd.h"
#include "testing.h"

namespace qcow2stream {
namespace {

using testing::make_image;
using testing::MemoryDisk;
using testing::read_all;

using testing::Bytes;

constexpr std::uint64_t kImageCluster = 65536;

struct SnapshotText {
  std::string_view id;
  std::string_view name;
};

// An entry as the specification has it; `extra` is what may follow the fields.
Bytes snapshot_entry(const SnapshotText& text, const Bytes& extra) {
  Bytes entry(qcow2::kSnapshotFieldsSize);
  store_big<std::uint16_t>(&entry[12], static_cast<std::uint16_t>(text.id.size()));
  store_big<std::uint16_t>(&entry[14], static_cast<std::uint16_t>(text.name.size()));
  store_big<std::uint32_t>(&entry[32], 7);  // bytes of a machine's state
  store_big<std::uint32_t>(&entry[36], static_cast<std::uint32_t>(extra.size()));
  entry.insert(entry.end(), extra.begin(), extra.end());
  for (const auto part : {text.id, text.name}) {
    const auto bytes = std::as_bytes(std::span(part));
    entry.insert(entry.end(), bytes.begin(), bytes.end());
  }
  return entry;
}

Bytes extra_data(std::uint64_t vm_state_bytes, std::uint64_t disk_size) {
  Bytes extra(16);
  store_big(extra.data(), vm_state_bytes);
  store_big(&extra[8], disk_size);
  return extra;
}

TEST(SnapshotEntry, EndsWithItsName) {
  for (const std::string_view name : {"", "1", "1234567", "12345678"}) {
    const auto entry = snapshot_entry({.id = "1", .name = name}, extra_data(0, 0));
    EXPECT_EQ(qcow2::snapshot_entry_size(entry), entry.size()) << name;
  }
}

// QEMU: QCOW_MAX_SNAPSHOT_EXTRA_DATA.
TEST(SnapshotEntry, HasNoMoreThan1024UnknownBytes) {
  EXPECT_TRUE(qcow2::snapshot_entry_size(snapshot_entry({}, Bytes(1024))).has_value());
  EXPECT_FALSE(qcow2::snapshot_entry_size(snapshot_entry({}, Bytes(1025))).has_value());
}

TEST(SnapshotEntry, SaysOnlyWhatItHasRoomFor) {
  const auto decode = [](const Bytes& extra) {
    return qcow2::decode_snapshot(snapshot_entry({.id = "12", .name = "before"}, extra));
  };
  const auto whole = decode(extra_data(1ULL << 40, 4096));
  EXPECT_EQ(whole.id, "12");
  EXPECT_EQ(whole.name, "before");
  EXPECT_EQ(whole.vm_state_bytes, 1ULL << 40);
  EXPECT_EQ(whole.disk_size, 4096U);
  auto shorter = extra_data(1ULL << 40, 4096);
  shorter.resize(15);
  EXPECT_EQ(decode(shorter).vm_state_bytes, 1ULL << 40);
  EXPECT_EQ(decode(shorter).disk_size, std::nullopt);
  shorter.resize(7);
  EXPECT_EQ(decode(shorter).vm_state_bytes, 7U);
  EXPECT_EQ(decode(shorter).name, "before");
  auto longer = extra_data(1, 2);
  longer.resize(1001);
  EXPECT_EQ(decode(longer).disk_size, 2U);
  EXPECT_EQ(decode(longer).name, "before");
}

// An image of a disk of four clusters with the number 7 in each byte, and a table of snapshots
// behind it. Each of them has the L1 table of the disk.
class ImageWithSnapshots : public ::testing::Test {
 protected:
  void SetUp() override {
    Bytes content(4 * kImageCluster, std::byte{7});
    image_ = read_all(make_image(std::make_shared<MemoryDisk>(std::move(content)), {}));
    header_ = qcow2::decode_header(image_);
  }

  void add(const SnapshotText& text, const Bytes& extra, bool has_clusters = true) {
    // Each entry begins at a multiple of eight bytes, the first at a cluster.
    image_.resize(align_up(image_.size(), count_ == 0 ? kImageCluster : 8));
    if (count_ == 0) table_ = image_.size();
    Bytes entry = snapshot_entry(text, extra);
    if (has_clusters) {
      store_big(entry.data(), header_.l1_offset.value());
      store_big<std::uint32_t>(&entry[8], static_cast<std::uint32_t>(header_.l1_entries));
    }
    image_.insert(image_.end(), entry.begin(), entry.end());
    store_big<std::uint32_t>(&image_[qcow2::kSnapshotCountAt], ++count_);
    store_big(&image_[qcow2::kSnapshotTableOffsetAt], table_);
  }

  [[nodiscard]] std::shared_ptr<const Disk> open(std::optional<std::string> snapshot) const {
    Qcow2Options options;
    options.snapshot = std::move(snapshot);
    return open_qcow2(std::make_shared<MemoryDisk>(image_), options).disk;
  }

  // Why the image is not opened; empty where it is.
  [[nodiscard]] std::string refusal() const {
    try {
      return open(std::nullopt) == nullptr ? "no disk" : "";
    } catch (const Error& error) {
      return error.reason();
    }
  }

  Bytes image_;
  qcow2::Header header_;
  std::uint64_t table_ = 0;
  std::uint32_t count_ = 0;
};

TEST_F(ImageWithSnapshots, EachHasItsOwnSize) {
  add({.id = "1", .name = "small"}, extra_data(0, kImageCluster));
  add({.id = "2", .name = "large"}, extra_data(0, 6 * kImageCluster));
  add({.id = "3", .name = "of an old program"}, {});
  EXPECT_EQ(open(std::nullopt)->size(), 4 * kImageCluster);
  EXPECT_EQ(open("small")->size(), kImageCluster);
  EXPECT_EQ(open("3")->size(), 4 * kImageCluster);
  const auto large = open("2");
  Bytes bytes(6 * kImageCluster, std::byte{1});
  large->read(GuestOffset(0), bytes);
  Bytes wanted(4 * kImageCluster, std::byte{7});
  wanted.resize(6 * kImageCluster);
  EXPECT_EQ(bytes, wanted);
}

TEST_F(ImageWithSnapshots, IsRefusedWithATooLongEntry) {
  add({.id = "1", .name = "a"}, Bytes(1024));
  EXPECT_EQ(refusal(), "");
  add({.id = "2", .name = "b"}, Bytes(1025));
  EXPECT_EQ(refusal(), "an entry of its snapshot table is too long");
}

// The last entry may lack what fills it up, and nothing else.
TEST_F(ImageWithSnapshots, EndsWithItsTable) {
  add({.id = "1", .name = "the first"}, extra_data(0, kImageCluster));
  add({.id = "2", .name = std::string(200, 'n')}, extra_data(0, kImageCluster));
  ASSERT_NE(image_.size() % 8, 0U);
  EXPECT_EQ(refusal(), "");
  image_.pop_back();
  EXPECT_EQ(refusal(), "its snapshot table lies behind the end of the file");
}

TEST_F(ImageWithSnapshots, IsCheckedToTheEndOfItsTable) {
  const auto name = std::string(200, 'n');
  add({.id = "1", .name = name}, extra_data(0, kImageCluster), false);
  const auto block = load_big<std::uint64_t>(&image_[header_.refcount_table_offset.value()]);
  store_big<std::uint16_t>(&image_[block + table_ / kImageCluster * 2], 1);
  const auto check = [&] {
    const UniqueFd fd = testing::stream_of(image_);
    try {
      return std::to_string(check_image({.fd = fd.get(), .name = "image"}).leaked_clusters);
    } catch (const Error& error) {
      return error.reason();
    }
  };
  ASSERT_NE(image_.size() % 8, 0U);
  EXPECT_EQ(check(), "0");
  image_.pop_back();
  EXPECT_EQ(check(), "a table of a snapshot or a bitmap lies behind its end");
}

}  // namespace
}  // namespace qcow2stream
