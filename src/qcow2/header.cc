// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2/header.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <string_view>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/header_fields.h"

namespace qcow2stream::qcow2 {
namespace {

struct FeatureName {
  std::uint8_t kind;  // 0 incompatible, 1 compatible, 2 autoclear
  std::uint8_t bit;
  std::string_view name;
};

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

std::vector<std::byte> encode_bitmaps(const BitmapDirectory& directory) {
  std::vector<std::byte> data(kBitmapsExtensionSize);
  store_big(&data[kBitmapsCountAt], directory.count);
  store_big(&data[kBitmapsLengthAt], directory.range.length);
  store_big(&data[kBitmapsOffsetAt], directory.range.begin.value());
  return data;
}

std::vector<std::byte> encode_root(const RootExtension& root) {
  std::vector<std::byte> data(kRootExtensionSize);
  store_big(data.data(), kRootExtensionVersion);
  store_big(&data[4], root.parent ? kRootExtensionHasParent : 0U);
  store_big(&data[8], root.trailer.value());
  if (root.parent) std::ranges::copy(*root.parent, &data[16]);
  return data;
}

// Appends the extensions in QEMU's order. An image of version 2 has extensions only where it needs
// them, since readers of its time know none.
void append_extensions(std::vector<std::byte>& out, const Header& header) {
  const bool has_other =
      header.data_file_name || header.backing_file_name || header.bitmaps || header.root;
  if (header.backing_format) {
    append_extension(out, kExtensionBackingFormat,
                     std::as_bytes(std::span(*header.backing_format)));
  }
  if (header.data_file_name) {
    append_extension(out, kExtensionDataFile, std::as_bytes(std::span(*header.data_file_name)));
  }
  if (header.root) append_extension(out, kExtensionRoot, encode_root(*header.root));
  if (has_feature_table(header.geometry, has_other)) {
    append_extension(out, kExtensionFeatureNames, encode_feature_names());
  }
  if (header.bitmaps) append_extension(out, kExtensionBitmaps, encode_bitmaps(*header.bitmaps));
  if (header.geometry.version >= 3 || has_other) append_extension(out, kExtensionEnd, {});
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
  assert(out.size() <= header.geometry.cluster_size());
  return out;
}

std::uint64_t max_data_file_name(const Geometry& geometry, bool root) {
  // Version 2 has no feature bits to say so; 512-byte clusters are left out because QEMU needs room
  // to put its own extensions in when it opens the image for writing.
  if (geometry.version < 3 || geometry.cluster_bits <= kMinClusterBits) return 0;
  const std::uint64_t features = has_feature_table(geometry, true) ? kFeatureTableSize : 0;
  const std::uint64_t room = geometry.cluster_size() - kVersion3Length - features -
                             2 * kExtensionHeaderSize -
                             (root ? kExtensionHeaderSize + kRootExtensionSize : 0);
  return std::min(align_down(room, 8), kMaxDataFileNameBytes);
}

std::uint64_t max_backing_file_name(const Geometry& geometry, std::uint64_t format_length,
                                    const OtherExtensions& others) {
  std::uint64_t taken = geometry.version >= 3 ? kVersion3Length : kVersion2Length;
  if (has_feature_table(geometry, true)) taken += kFeatureTableSize;
  if (format_length > 0) taken += kExtensionHeaderSize + align_up(format_length, 8);
  if (others.bitmaps) taken += kExtensionHeaderSize + kBitmapsExtensionSize;
  if (others.root) taken += kExtensionHeaderSize + kRootExtensionSize;
  taken += kExtensionHeaderSize;  // the end
  return std::min(geometry.cluster_size() - taken, kMaxBackingFileNameBytes);
}

}  // namespace qcow2stream::qcow2
