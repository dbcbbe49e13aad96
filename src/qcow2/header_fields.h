// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the fields of the header lie, and what its extensions are called (specification: "Header",
// "Header extensions").

#pragma once

#include <cstddef>
#include <cstdint>

namespace qcow2stream::qcow2 {

inline constexpr std::uint32_t kMagic = 0x514649fb;  // "QFI\xfb"

// Byte positions of the header's fields.
enum HeaderField : std::size_t {
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
  kSnapshotTableOffsetAt = 64,
  kVersion2Length = 72,
  kIncompatibleAt = 72,
  kCompatibleAt = 80,
  kAutoclearAt = 88,
  kRefcountOrderAt = 96,
  kHeaderLengthAt = 100,
  kMinVersion3Length = 104,
  kCompressionTypeAt = 104,
  // What QEMU writes since 5.1, with the compression type and seven bytes of padding. Always this
  // length: several readers know no other.
  kVersion3Length = 112,
};

enum ExtensionType : std::uint32_t {
  kExtensionEnd = 0,
  kExtensionBackingFormat = 0xe2792aca,
  kExtensionDataFile = 0x44415441,
  kExtensionFeatureNames = 0x6803f857,
  kExtensionBitmaps = 0x23852875,
  kExtensionEncryption = 0x0537be77,
  kExtensionRoot = 0x71637372,  // "qcsr", of this program (docs/format.md)
};
inline constexpr std::size_t kExtensionHeaderSize = 8;

// Byte positions of the fields of the extension for bitmaps.
enum BitmapsExtensionField : std::size_t {
  kBitmapsCountAt = 0,
  kBitmapsReservedAt = 4,
  kBitmapsLengthAt = 8,
  kBitmapsOffsetAt = 16,
  kBitmapsExtensionSize = 24,
};
// The extension that says where the content's root is: its version, flags, where the trailer lies,
// and the root of the parent.
inline constexpr std::size_t kRootExtensionSize = 48;
inline constexpr std::uint32_t kRootExtensionVersion = 1;
inline constexpr std::uint32_t kRootExtensionHasParent = 1;

// A name of the feature table: a kind, a bit and its text.
inline constexpr std::size_t kFeatureNameSize = 48;

}  // namespace qcow2stream::qcow2
