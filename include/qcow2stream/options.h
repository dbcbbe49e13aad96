// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the image shall look like, and what is known about it before anything is read.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "qcow2stream/compression.h"

namespace qcow2stream {

// The image only describes the disk, which stays where it is as the external data file
// (incompatible feature bit 2 of the specification).
struct DataFile {
  // Recorded in the image as it is: readers open it relative to their own working directory.
  std::string name;
  // Every cluster is mapped, so that the data file is a raw image by itself (autoclear bit 1).
  bool raw = false;
  friend bool operator==(const DataFile&, const DataFile&) = default;
};

// The image is an overlay: what it leaves unallocated is read from the backing file. Both are only
// recorded, nothing is opened.
struct BackingFile {
  // As QEMU reads it: a relative name is relative to the directory of the image; what stands before
  // a colon that comes before any slash is a protocol (file_backing_name() guards a file's name).
  // 1 to 1023 bytes that fit into the header's cluster.
  std::string name;
  // The name of a QEMU block driver, 1 to 15 bytes. Always recorded: without it QEMU guesses from
  // the content, which a guest may have written.
  std::string format;
  friend bool operator==(const BackingFile&, const BackingFile&) = default;
};

// The name of a file as a backing file's: with "./" before it where a colon would make QEMU take
// its beginning for a protocol that it knows none of. Names of protocols (nbd://, json:, rbd:)
// stay.
std::string file_backing_name(const std::string& name);

struct ImageOptions {
  // Bytes, a power of two from 512 to 2 MiB (cluster_bits 9..21: MIN_ and MAX_CLUSTER_BITS of
  // QEMU).
  std::uint32_t cluster_size = 65536;
  // 1, 2, 4, 8, 16, 32 or 64 (refcount_order 0..6); other than 16 only in version 3.
  unsigned refcount_bits = 16;
  // 2 or 3.
  unsigned version = 3;
  // Extended L2 entries (incompatible feature bit 4): each of the 32 subclusters of a cluster is
  // allocated, zero or unallocated by itself. Version 3, clusters of 16 KiB and more.
  bool extended_l2 = false;
  std::optional<DataFile> data_file;
  // Not with a data file.
  std::optional<BackingFile> backing_file;
  // Clusters become compressed clusters where that makes them smaller. Not with a data file or
  // refcounts of one bit, which would give each compressed cluster a whole cluster of space.
  std::optional<Compression> compression;
};

// The first rule that `options` break, whatever the disk is.
struct OptionProblem {
  enum class Field {
    kClusterSize,
    kRefcountBits,
    kVersion,
    kExtendedL2,
    kDataFile,
    kBackingFile,
    kCompression
  };
  Field field;
  std::string reason;
};
std::optional<OptionProblem> find_problem(const ImageOptions& options);

// Throws Error{kFailed} if no disk of this size (bytes) can be described with these options: a
// guest of this size needs an L1 table larger than QEMU reads. Names what would fit. `name` is the
// disk's name for the message. Throws Error{kUsage} where find_problem() finds one.
void check_disk_size(const std::string& name, std::uint64_t size, const ImageOptions& options);

}  // namespace qcow2stream
