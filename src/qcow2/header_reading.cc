// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string_view>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/header.h"
#include "qcow2/header_fields.h"
#include "qcow2/limits.h"
#include "qcow2/unreadable.h"

namespace qcow2stream::qcow2 {
namespace {

constexpr std::uint32_t kLuks = 2;

class HeaderReader {
 public:
  HeaderReader(std::span<const std::byte> bytes, const std::string& name)
      : bytes_(bytes), name_(name) {}

  [[nodiscard]] std::uint64_t cluster_size() const {
    if (bytes_.size() < kSmallestHeader) bad("its header is cut off");
    if (number(kMagicAt) != kMagic) bad("it does not begin as a qcow2 image does");
    const std::uint32_t version = number(kVersionAt);
    if (version != 2 && version != 3) bad(fmt::format("it has the unknown version {}", version));
    const std::uint32_t bits = number(kClusterBitsAt);
    if (bits < kMinClusterBits || bits > kMaxClusterBits) {
      bad(fmt::format("its clusters have 2^{} bytes; 2^{} to 2^{} are possible", bits,
                      kMinClusterBits, kMaxClusterBits));
    }
    return 1ULL << bits;
  }

  Header read() {
    bytes_ = bytes_.first(std::min<std::uint64_t>(bytes_.size(), cluster_size()));
    read_first_fields();
    const std::size_t length = header_.geometry.version == 3 ? read_version_3() : kVersion2Length;
    check_tables();
    check_compression_type(length);
    // What lies between the fields and the backing file's name, or the end of the cluster.
    const std::uint64_t backing_offset = long_number(kBackingOffsetAt);
    if (backing_offset > header_.geometry.cluster_size()) {
      bad("the name of its backing file lies behind the first cluster");
    }
    read_extensions(length, backing_offset == 0 ? header_.geometry.cluster_size() : backing_offset);
    read_backing_file_name(backing_offset);
    name_unknown_features();
    return std::move(header_);
  }

 private:
  [[noreturn]] void bad(const std::string& reason) const { throw_unreadable(name_, reason); }

  [[nodiscard]] std::uint32_t number(std::size_t at) const {
    return load_big<std::uint32_t>(&bytes_[at]);
  }
  [[nodiscard]] std::uint64_t long_number(std::size_t at) const {
    return load_big<std::uint64_t>(&bytes_[at]);
  }

  void read_first_fields() {
    header_.geometry.version = number(kVersionAt);
    header_.geometry.cluster_bits = number(kClusterBitsAt);
    header_.virtual_size = long_number(kVirtualSizeAt);
    header_.encryption_method = number(kCryptMethodAt);
    header_.l1_entries = number(kL1EntriesAt);
    header_.l1_offset = HostOffset(long_number(kL1OffsetAt));
    header_.refcount_table_offset = HostOffset(long_number(kRefcountTableOffsetAt));
    header_.refcount_table_clusters = number(kRefcountTableClustersAt);
    header_.snapshots = number(kSnapshotCountAt);
    header_.snapshot_table_offset = HostOffset(long_number(kSnapshotTableOffsetAt));
    if (header_.encryption_method > kLuks) bad("it is encrypted in an unknown way");
  }

  // Returns the length of the fields.
  std::size_t read_version_3() {
    if (bytes_.size() < kMinVersion3Length) bad("its header is cut off");
    header_.incompatible_features = long_number(kIncompatibleAt);
    header_.compatible_features = long_number(kCompatibleAt);
    header_.autoclear_features = long_number(kAutoclearAt);
    header_.geometry.refcount_order = number(kRefcountOrderAt);
    header_.geometry.extended_l2 = (header_.incompatible_features & kIncompatibleExtendedL2) != 0;
    const std::size_t length = number(kHeaderLengthAt);
    if (length < kMinVersion3Length) bad("its header is too short");
    if (length > header_.geometry.cluster_size()) bad("its header is longer than a cluster");
    if (header_.geometry.refcount_order > kMaxRefcountOrder) {
      bad(fmt::format("its refcounts have 2^{} bits; 64 are possible",
                      header_.geometry.refcount_order));
    }
    if (header_.geometry.extended_l2 && header_.geometry.cluster_bits < kMinExtendedL2ClusterBits) {
      bad("its clusters are too small for subclusters");
    }
    if (length > kCompressionTypeAt && bytes_.size() > kCompressionTypeAt) {
      header_.compression_type = std::to_integer<std::uint8_t>(bytes_[kCompressionTypeAt]);
    }
    return length;
  }

  // QEMU: validate_compression_type().
  void check_compression_type(std::size_t length) {
    if (length <= kCompressionTypeAt) header_.compression_type = kCompressionDeflate;
    const bool flagged = (header_.incompatible_features & kIncompatibleCompressionType) != 0;
    if (header_.compression_type > kCompressionZstd) {
      bad(fmt::format("it has the unknown compression type {}", header_.compression_type));
    }
    if (flagged != (header_.compression_type != kCompressionDeflate)) {
      bad("its compression type and the feature bit for it do not go together");
    }
  }

  // QEMU: validate_table().
  void check_table(const char* what, HostOffset offset, std::uint64_t length,
                   std::uint64_t most) const {
    if (length > most) bad(fmt::format("its {} is too large", what));
    const bool wraps = offset.value() > std::numeric_limits<std::int64_t>::max() - length;
    if (wraps || offset.value() % header_.geometry.cluster_size() != 0) {
      bad(fmt::format("the offset {} of its {} is not that of a cluster", offset.value(), what));
    }
  }

  void check_tables() const {
    const Geometry& geometry = header_.geometry;
    if (header_.refcount_table_clusters == 0) bad("it has no refcount table");
    check_table("refcount table", header_.refcount_table_offset,
                header_.refcount_table_clusters << geometry.cluster_bits, kMaxRefcountTableBytes);
    // Each entry of the table of snapshots is longer than this.
    if (header_.snapshots > kMaxSnapshots) bad("its snapshot table is too large");
    check_table("snapshot table", header_.snapshot_table_offset, 0, kMaxSnapshotTableBytes);
    check_table("L1 table", header_.l1_offset, header_.l1_entries * 8, kMaxL1Bytes);
    if (header_.virtual_size > kMaxVirtualSize) bad("it says that the disk has too many bytes");
    const std::uint64_t in_l1_entry = geometry.l2_entries() << geometry.cluster_bits;
    if (header_.l1_entries < div_up(header_.virtual_size, in_l1_entry)) {
      bad("its L1 table is too small for the disk");
    }
    if (header_.l1_entries > 0 && header_.l1_offset.value() == 0) {
      bad("its L1 table lies over its header");
    }
  }

  // QEMU: qcow2_read_extensions(). What the file does not have any more reads as zeros there, which
  // are the end of them.
  void read_extensions(std::size_t at, std::size_t end) {
    while (at < end) {
      if (end - at < kExtensionHeaderSize) bad("there is no room for the end of its extensions");
      if (at + kExtensionHeaderSize > bytes_.size()) return;
      const std::uint32_t type = number(at);
      const std::size_t length = number(at + 4);
      at += kExtensionHeaderSize;
      if (length > end - at) bad("an extension of its header is longer than the room for it");
      if (type == kExtensionEnd) return;
      if (length > bytes_.size() - at) bad("it ends within an extension of its header");
      read_extension(type, bytes_.subspan(at, length));
      at += align_up(length, 8);
    }
  }

  void read_extension(std::uint32_t type, std::span<const std::byte> data) {
    // QEMU keeps names as C strings.
    const auto text = [&] {
      const std::string all(reinterpret_cast<const char*>(data.data()), data.size());
      return all.substr(0, all.find('\0'));
    };
    switch (type) {
      case kExtensionBackingFormat:
        if (data.size() > kMaxBackingFormatBytes) bad("the name of a format in it is too long");
        // As QEMU does: an empty name is none.
        if (const std::string format = text(); !format.empty()) header_.backing_format = format;
        break;
      case kExtensionDataFile:
        header_.data_file_name = text();
        break;
      case kExtensionFeatureNames:
        header_.feature_name_table = true;
        feature_names_ = data;
        break;
      case kExtensionBitmaps:
        read_bitmaps(data);
        break;
      case kExtensionEncryption:
        if (header_.encryption_method != kLuks) bad("it has a key, and is not encrypted with LUKS");
        break;
      case kExtensionRoot:
        read_root(data);
        break;
      default:
        break;
    }
  }

  // Nobody is kept from reading an image by what it says of its content.
  void read_root(std::span<const std::byte> data) {
    if (data.size() != kRootExtensionSize ||
        load_big<std::uint32_t>(data.data()) != kRootExtensionVersion) {
      return;
    }
    header_.root = RootExtension{.trailer = HostOffset(load_big<std::uint64_t>(&data[8]))};
    if ((load_big<std::uint32_t>(&data[4]) & kRootExtensionHasParent) == 0) return;
    header_.root->parent.emplace();
    std::ranges::copy(data.subspan(16, sizeof(ContentDigest)), header_.root->parent->begin());
  }

  // Where the autoclear bit is missing, a program that knew nothing of bitmaps has written to the
  // image, and they say nothing any more.
  void read_bitmaps(std::span<const std::byte> data) {
    if (data.size() != kBitmapsExtensionSize) bad("the extension for bitmaps has another length");
    header_.has_stale_bitmaps = (header_.autoclear_features & kAutoclearBitmaps) == 0;
    if (header_.has_stale_bitmaps) return;
    const auto count = load_big<std::uint32_t>(&data[kBitmapsCountAt]);
    const auto reserved = load_big<std::uint32_t>(&data[kBitmapsReservedAt]);
    const auto length = load_big<std::uint64_t>(&data[kBitmapsLengthAt]);
    const auto offset = load_big<std::uint64_t>(&data[kBitmapsOffsetAt]);
    if (reserved != 0) bad("the extension for bitmaps has an unknown field");
    if (count == 0 || count > kMaxBitmaps) {
      bad(fmt::format("it cannot have {} bitmaps", count));
    }
    if (offset == 0 || offset % header_.geometry.cluster_size() != 0) {
      bad(fmt::format("the offset {} of its bitmap directory is not that of a cluster", offset));
    }
    if (length == 0 || length > kMaxBitmapDirectoryBytes) {
      bad(fmt::format("its bitmap directory cannot have {} bytes", length));
    }
    header_.bitmaps = BitmapDirectory{.count = count, .range = {HostOffset(offset), length}};
  }

  void read_backing_file_name(std::uint64_t offset) {
    if (offset == 0) return;
    const std::uint64_t length = number(kBackingLengthAt);
    const std::uint64_t room = header_.geometry.cluster_size() - offset;
    if (length > std::min(room, kMaxBackingFileNameBytes)) {
      bad("the name of its backing file is too long");
    }
    if (offset + length > bytes_.size()) bad("it ends within the name of its backing file");
    if (length == 0) return;  // as QEMU does: no backing file
    const auto name = bytes_.subspan(offset, length);
    std::string text(reinterpret_cast<const char*>(name.data()), length);
    // QEMU keeps it as a C string.
    text.resize(std::min(text.find('\0'), text.size()));
    if (!text.empty()) header_.backing_file_name = std::move(text);
  }

  void name_unknown_features() {
    std::uint64_t unknown = header_.incompatible_features & ~kKnownIncompatible;
    for (; unknown != 0; unknown &= unknown - 1) {
      const auto bit = static_cast<unsigned>(std::countr_zero(unknown));
      if (!header_.unknown_features.empty()) header_.unknown_features += ", ";
      header_.unknown_features += feature_name(bit);
    }
  }

  [[nodiscard]] std::string feature_name(unsigned bit) const {
    for (auto rest = feature_names_; rest.size() >= kFeatureNameSize;
         rest = rest.subspan(kFeatureNameSize)) {
      if (rest[0] != std::byte{0} || std::to_integer<unsigned>(rest[1]) != bit) continue;
      const std::string text(reinterpret_cast<const char*>(&rest[2]), kFeatureNameSize - 2);
      return text.substr(0, text.find('\0'));
    }
    return fmt::format("feature {}", bit);
  }

  std::span<const std::byte> bytes_;
  const std::string& name_;
  Header header_;
  std::span<const std::byte> feature_names_;
};

}  // namespace

Header decode_header(std::span<const std::byte> bytes, const std::string& name) {
  return HeaderReader(bytes, name).read();
}

std::uint64_t header_cluster_size(std::span<const std::byte> bytes, const std::string& name) {
  return HeaderReader(bytes, name).cluster_size();
}

}  // namespace qcow2stream::qcow2
