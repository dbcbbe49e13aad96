// SPDX-License-Identifier: GPL-2.0-or-later
//
// The header and its extensions (specification: "Header", "Header extensions").

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2/geometry.h"
#include "qcow2stream/root.h"
#include "qcow2stream/types.h"

namespace qcow2stream::qcow2 {

inline constexpr std::uint64_t kIncompatibleDirty = 1ULL << 0;
inline constexpr std::uint64_t kIncompatibleCorrupt = 1ULL << 1;
inline constexpr std::uint64_t kIncompatibleDataFile = 1ULL << 2;
inline constexpr std::uint64_t kIncompatibleCompressionType = 1ULL << 3;
inline constexpr std::uint64_t kIncompatibleExtendedL2 = 1ULL << 4;
inline constexpr std::uint64_t kKnownIncompatible =
    kIncompatibleDirty | kIncompatibleCorrupt | kIncompatibleDataFile |
    kIncompatibleCompressionType | kIncompatibleExtendedL2;
inline constexpr std::uint64_t kAutoclearBitmaps = 1ULL << 0;
inline constexpr std::uint64_t kAutoclearRawDataFile = 1ULL << 1;

// Values of compression_type. Any but 0 goes with kIncompatibleCompressionType.
inline constexpr std::uint8_t kCompressionDeflate = 0;
inline constexpr std::uint8_t kCompressionZstd = 1;

// Where the directory of the dirty bitmaps lies (specification: "Bitmaps extension").
struct BitmapDirectory {
  std::uint32_t count = 0;  // bitmaps
  HostRange range;
  friend bool operator==(const BitmapDirectory&, const BitmapDirectory&) = default;
};

// What an image says of its content (docs/format.md).
struct RootExtension {
  HostOffset trailer;  // where the content's root lies; 0: nowhere
  std::optional<ContentDigest> parent;
  friend bool operator==(const RootExtension&, const RootExtension&) = default;
};

struct Header {
  Geometry geometry;
  std::uint64_t virtual_size = 0;  // bytes; QEMU rounds the disk down to whole sectors
  std::uint64_t l1_entries = 0;
  HostOffset l1_offset;  // 0 where there are no entries
  HostOffset refcount_table_offset;
  ClusterCount refcount_table_clusters = 0;
  std::uint64_t incompatible_features = 0;
  std::uint64_t compatible_features = 0;
  std::uint64_t autoclear_features = 0;
  std::uint8_t compression_type = kCompressionDeflate;
  std::optional<std::string> data_file_name;
  std::optional<std::string> backing_file_name;
  std::optional<std::string> backing_format;
  std::optional<BitmapDirectory> bitmaps;  // with kAutoclearBitmaps
  // One of a version that is not known is as if it were not there.
  std::optional<RootExtension> root;
  bool feature_name_table = false;  // set by decode_header(); encode_header() decides by itself

  // The rest is decoded only: encode_header() leaves it out.
  std::uint32_t encryption_method = 0;  // 0: not encrypted
  std::uint32_t snapshots = 0;
  HostOffset snapshot_table_offset;
  // There are bitmaps, but a program that does not know of them has written to the image.
  bool has_stale_bitmaps = false;
  // The incompatible features that the specification does not know, by the names that the image's
  // own table has for them, with commas between them.
  std::string unknown_features;

  friend bool operator==(const Header&, const Header&) = default;
};

// The bytes from the start of the file to the end of the last extension, or of the backing file's
// name; the rest of the header cluster is zeros. The names must not be longer than
// max_data_file_name() and max_backing_file_name() say; so the result fits into a cluster.
std::vector<std::byte> encode_header(const Header& header);

// Reads the header of any image. `bytes` begins with the first byte of the file and holds its first
// cluster, or the whole file where that is shorter. What QEMU refuses when it opens an image is
// refused here (block/qcow2.c, qcow2_do_open() and qcow2_read_extensions()): Error{kFailed}, whose
// name is `name`. Features and encryption that are not known are told, not refused, and so is what
// lies behind the end of the file. Unknown extensions are passed over. In version 2 all that only
// version 3 has is as if it were not there.
Header decode_header(std::span<const std::byte> bytes, const std::string& name = "header");

// What decode_header() needs of a file that begins with `bytes`, at least kSmallestHeader of them:
// the size of a cluster. Throws as it does.
inline constexpr std::size_t kSmallestHeader = 72;
std::uint64_t header_cluster_size(std::span<const std::byte> bytes, const std::string& name);

// How many bytes a data file's name may have in an image of this geometry; 0 if none fits. `root`:
// it has a root extension, too.
std::uint64_t max_data_file_name(const Geometry& geometry, bool root = false);

// What else the header has to say beside names and features.
struct OtherExtensions {
  bool bitmaps = false;
  bool root = false;
};

// How many bytes a backing file's name may have in an image of this geometry; 0 if none fits.
// `format_length` is the length of its format's name, 0 if that is not recorded.
std::uint64_t max_backing_file_name(const Geometry& geometry, std::uint64_t format_length,
                                    const OtherExtensions& others = {});

}  // namespace qcow2stream::qcow2
