// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2/header.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/endian.h"
#include "qcow2stream/error.h"

namespace qcow2stream::qcow2 {
namespace {

constexpr std::uint32_t kMagic = 0x514649fb;  // "QFI\xfb"

// Byte positions of the header's fields.
enum Field : std::size_t {
  kMagicAt = 0,
  kVersionAt = 4,
  kBackingOffsetAt = 8,
  kBackingLengthAt = 16,
  kClusterBitsAt = 20,
  kVirtualSizeAt = 24,
  kCryptMethodAt = 32,
  kL1EntriesAt = 36,
  kL1OffsetAt = 40,
  kRefcountTableOffsetAt = 48,
  kRefcountTableClustersAt = 56,
  kSnapshotCountAt = 60,
  kVersion2Length = 72,
  kIncompatibleAt = 72,
  kCompatibleAt = 80,
  kAutoclearAt = 88,
  kRefcountOrderAt = 96,
  kHeaderLengthAt = 100,
  kMinVersion3Length = 104,
  kCompressionTypeAt = 104,
  // With the compression type and seven bytes of padding, as QEMU writes it since 5.1. It always
  // has this length, since several readers know no other.
  kVersion3Length = 112,
};

enum ExtensionType : std::uint32_t {
  kExtensionEnd = 0,
  kExtensionBackingFormat = 0xe2792aca,
  kExtensionDataFile = 0x44415441,
  kExtensionFeatureNames = 0x6803f857,
};
constexpr std::size_t kExtensionHeaderSize = 8;

struct FeatureName {
  std::uint8_t kind;  // 0 incompatible, 1 compatible, 2 autoclear
  std::uint8_t bit;
  std::string_view name;
};
constexpr std::size_t kFeatureNameSize = 48;

// The names and their order are the reference's.
constexpr std::array<FeatureName, 8> kFeatureNames = {{{0, 0, "dirty bit"},
                                                       {0, 1, "corrupt bit"},
                                                       {0, 2, "external data file"},
                                                       {0, 3, "compression type"},
                                                       {0, 4, "extended L2 entries"},
                                                       {1, 0, "lazy refcounts"},
                                                       {2, 0, "bitmaps"},
                                                       {2, 1, "raw external data"}}};
constexpr std::size_t kFeatureTableSize =
    kExtensionHeaderSize + kFeatureNames.size() * kFeatureNameSize;

// At 512 bytes the header and this table fill the first cluster to the last byte (112 + 392 + 8 for
// the end marker). QEMU drops the table up to 4 KiB to keep room; we do where something else needs
// the room, and keep it otherwise, as the reference does.
bool has_feature_table(const Geometry& geometry, bool has_other_extension) {
  return geometry.version >= 3 && !(has_other_extension && geometry.cluster_size() <= 4096);
}

void append_extension(std::vector<std::byte>& out, ExtensionType type,
                      std::span<const std::byte> data) {
  const std::size_t at = out.size();
  out.resize(at + kExtensionHeaderSize + align_up(data.size(), 8));
  store_big<std::uint32_t>(&out[at], type);
  store_big(&out[at + 4], static_cast<std::uint32_t>(data.size()));
  std::ranges::copy(data, out.begin() + static_cast<std::ptrdiff_t>(at + kExtensionHeaderSize));
}

std::vector<std::byte> encode_feature_names() {
  std::vector<std::byte> data(kFeatureNames.size() * kFeatureNameSize);
  std::byte* at = data.data();
  for (const FeatureName& feature : kFeatureNames) {
    at[0] = std::byte{feature.kind};
    at[1] = std::byte{feature.bit};
    std::memcpy(at + 2, feature.name.data(), feature.name.size());
    at += kFeatureNameSize;
  }
  return data;
}

// Appends the extensions in QEMU's order. An image of version 2 has extensions only where it needs
// them, since readers of its time know none.
void append_extensions(std::vector<std::byte>& out, const Header& header) {
  const bool has_other = header.data_file_name || header.backing_file_name;
  if (header.backing_format) {
    append_extension(out, kExtensionBackingFormat,
                     std::as_bytes(std::span(*header.backing_format)));
  }
  if (header.data_file_name) {
    append_extension(out, kExtensionDataFile, std::as_bytes(std::span(*header.data_file_name)));
  }
  if (has_feature_table(header.geometry, has_other)) {
    append_extension(out, kExtensionFeatureNames, encode_feature_names());
  }
  if (header.geometry.version >= 3 || has_other) append_extension(out, kExtensionEnd, {});
}

[[noreturn]] void bad_header(const std::string& reason) {
  throw Error(ErrorKind::kFailed, "header", "not a qcow2 header that is understood here", reason);
}

void decode_extensions(std::span<const std::byte> bytes, Header& header) {
  while (bytes.size() >= kExtensionHeaderSize) {
    const auto type = load_big<std::uint32_t>(bytes.data());
    const auto length = load_big<std::uint32_t>(bytes.data() + 4);
    if (type == kExtensionEnd) return;
    bytes = bytes.subspan(kExtensionHeaderSize);
    const std::uint64_t padded = align_up(length, 8);
    if (padded > bytes.size()) bad_header("an extension is longer than the header");
    const auto text = [&] {
      return std::string(reinterpret_cast<const char*>(bytes.data()), length);
    };
    if (type == kExtensionDataFile) {
      header.data_file_name = text();
    } else if (type == kExtensionBackingFormat) {
      header.backing_format = text();
    } else if (type == kExtensionFeatureNames) {
      header.feature_name_table = true;
    }
    bytes = bytes.subspan(padded);
  }
}

void decode_backing_file_name(std::span<const std::byte> bytes, Header& header) {
  const auto offset = load_big<std::uint64_t>(&bytes[kBackingOffsetAt]);
  const auto length = load_big<std::uint32_t>(&bytes[kBackingLengthAt]);
  if (offset == 0) return;
  if (length > bytes.size() || offset > bytes.size() - length) {
    bad_header("the name of its backing file does not lie in it");
  }
  const auto name = bytes.subspan(offset, length);
  header.backing_file_name.emplace(reinterpret_cast<const char*>(name.data()), length);
}

}  // namespace

std::vector<std::byte> encode_header(const Header& header) {
  const bool v3 = header.geometry.version >= 3;
  std::vector<std::byte> out(v3 ? kVersion3Length : kVersion2Length);
  store_big(&out[kMagicAt], kMagic);
  store_big(&out[kVersionAt], std::uint32_t{header.geometry.version});
  store_big(&out[kClusterBitsAt], std::uint32_t{header.geometry.cluster_bits});
  store_big(&out[kVirtualSizeAt], header.virtual_size);
  store_big(&out[kL1EntriesAt], static_cast<std::uint32_t>(header.l1_entries));
  store_big(&out[kL1OffsetAt], header.l1_offset.value());
  store_big(&out[kRefcountTableOffsetAt], header.refcount_table_offset.value());
  store_big(&out[kRefcountTableClustersAt],
            static_cast<std::uint32_t>(header.refcount_table_clusters));
  if (v3) {
    store_big(&out[kIncompatibleAt], header.incompatible_features);
    store_big(&out[kCompatibleAt], header.compatible_features);
    store_big(&out[kAutoclearAt], header.autoclear_features);
    store_big(&out[kRefcountOrderAt], std::uint32_t{header.geometry.refcount_order});
    store_big(&out[kHeaderLengthAt], std::uint32_t{kVersion3Length});
    out[kCompressionTypeAt] = std::byte{header.compression_type};
  }
  append_extensions(out, header);
  if (header.backing_file_name) {
    store_big(&out[kBackingOffsetAt], std::uint64_t{out.size()});
    store_big(&out[kBackingLengthAt], static_cast<std::uint32_t>(header.backing_file_name->size()));
    const auto name = std::as_bytes(std::span(*header.backing_file_name));
    out.insert(out.end(), name.begin(), name.end());
  }
  return out;
}

Header decode_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kVersion2Length) bad_header("it is too short");
  if (load_big<std::uint32_t>(&bytes[kMagicAt]) != kMagic)
    bad_header("its magic number is another one");
  Header header;
  header.geometry.version = load_big<std::uint32_t>(&bytes[kVersionAt]);
  header.geometry.cluster_bits = load_big<std::uint32_t>(&bytes[kClusterBitsAt]);
  header.virtual_size = load_big<std::uint64_t>(&bytes[kVirtualSizeAt]);
  header.l1_entries = load_big<std::uint32_t>(&bytes[kL1EntriesAt]);
  header.l1_offset = HostOffset(load_big<std::uint64_t>(&bytes[kL1OffsetAt]));
  header.refcount_table_offset =
      HostOffset(load_big<std::uint64_t>(&bytes[kRefcountTableOffsetAt]));
  header.refcount_table_clusters = load_big<std::uint32_t>(&bytes[kRefcountTableClustersAt]);
  if (header.geometry.version != 2 && header.geometry.version != 3)
    bad_header("its version is neither 2 nor 3");
  if (header.geometry.cluster_bits < kMinClusterBits ||
      header.geometry.cluster_bits > kMaxClusterBits) {
    bad_header("cluster_bits is out of range");
  }
  decode_backing_file_name(bytes, header);
  if (load_big<std::uint32_t>(&bytes[kCryptMethodAt]) != 0) bad_header("it is encrypted");
  if (load_big<std::uint32_t>(&bytes[kSnapshotCountAt]) != 0) bad_header("it has snapshots");
  std::size_t length = kVersion2Length;
  if (header.geometry.version == 3) {
    if (bytes.size() < kMinVersion3Length) bad_header("it is too short");
    header.incompatible_features = load_big<std::uint64_t>(&bytes[kIncompatibleAt]);
    header.compatible_features = load_big<std::uint64_t>(&bytes[kCompatibleAt]);
    header.autoclear_features = load_big<std::uint64_t>(&bytes[kAutoclearAt]);
    header.geometry.refcount_order = load_big<std::uint32_t>(&bytes[kRefcountOrderAt]);
    header.geometry.extended_l2 = (header.incompatible_features & kIncompatibleExtendedL2) != 0;
    length = load_big<std::uint32_t>(&bytes[kHeaderLengthAt]);
    if (header.geometry.refcount_order > kMaxRefcountOrder)
      bad_header("refcount_order is out of range");
    if (length < kMinVersion3Length || length > bytes.size())
      bad_header("header_length is out of range");
    if (length > kCompressionTypeAt) {
      header.compression_type = std::to_integer<std::uint8_t>(bytes[kCompressionTypeAt]);
    }
  }
  decode_extensions(bytes.subspan(length), header);
  return header;
}

std::uint64_t max_data_file_name(const Geometry& geometry) {
  // Version 2 has no feature bits to say so; 512-byte clusters are left out because QEMU needs room
  // to put its own extensions in when it opens the image for writing.
  if (geometry.version < 3 || geometry.cluster_bits <= kMinClusterBits) return 0;
  const std::uint64_t features = has_feature_table(geometry, true) ? kFeatureTableSize : 0;
  const std::uint64_t room =
      geometry.cluster_size() - kVersion3Length - features - 2 * kExtensionHeaderSize;
  return std::min(align_down(room, 8), kMaxDataFileNameBytes);
}

std::uint64_t max_backing_file_name(const Geometry& geometry, std::uint64_t format_length) {
  std::uint64_t taken = geometry.version >= 3 ? kVersion3Length : kVersion2Length;
  if (has_feature_table(geometry, true)) taken += kFeatureTableSize;
  if (format_length > 0) taken += kExtensionHeaderSize + align_up(format_length, 8);
  taken += kExtensionHeaderSize;  // the end
  return std::min(geometry.cluster_size() - taken, kMaxBackingFileNameBytes);
}

}  // namespace qcow2stream::qcow2
