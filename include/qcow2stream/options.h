// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the image is to look like, and what is known about it before anything is read.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "qcow2stream/compression.h"
#include "qcow2stream/root.h"

namespace qcow2stream {

// The image only describes the disk, which stays where it is as the external data file
// (incompatible feature bit 2 of the specification).
struct DataFile {
  // Is recorded in the image as it is. Readers open it relative to their own working directory.
  std::string name;
  // Every cluster is mapped, so that the data file is a raw image by itself (autoclear bit 1).
  bool raw = false;
  friend bool operator==(const DataFile&, const DataFile&) = default;
};

// The image is an overlay: what it leaves unallocated is read from the backing file. Name and
// format are only recorded, nothing is opened.
struct BackingFile {
  // QEMU takes a relative name to be relative to the directory of the image, and what stands before
  // a colon that comes before any slash to be a protocol (file_backing_name() guards a file's
  // name). The name has 1 to 1023 bytes, which must fit into the header's cluster.
  std::string name;
  // The name of a QEMU block driver, 1 to 15 bytes. It is always recorded: without it QEMU would
  // guess from the content, which a guest may have written.
  std::string format;
  friend bool operator==(const BackingFile&, const BackingFile&) = default;
};

// What to record as the name of a backing file that is called `name`. Where a colon would make QEMU
// take the beginning for a protocol that does not exist, "./" comes before it. What begins with the
// name of a protocol (nbd://, json:, rbd:) stays as it is.
std::string file_backing_name(const std::string& name);

struct ImageOptions {
  // Bytes, a power of two from 512 to 2 MiB (cluster_bits 9..21: MIN_ and MAX_CLUSTER_BITS of
  // QEMU).
  std::uint32_t cluster_size = 65536;
  // 1, 2, 4, 8, 16, 32 or 64 (refcount_order 0..6). Version 2 has 16 only.
  unsigned refcount_bits = 16;
  // 2 or 3.
  unsigned version = 3;
  // Extended L2 entries (incompatible feature bit 4): each of the 32 subclusters of a cluster is
  // allocated, zero or unallocated by itself. Needs version 3 and clusters of 16 KiB or more.
  bool extended_l2 = false;
  std::optional<DataFile> data_file;
  // Cannot be had together with a data file.
  std::optional<BackingFile> backing_file;
  // Clusters become compressed clusters where that makes them smaller. Cannot be had together with
  // a data file, or with refcounts of one bit, where each compressed cluster would take a whole
  // one.
  std::optional<Compression> compression;
  // The image takes over the disk's dirty bitmaps (Disk::bitmaps()). Needs version 3.
  bool bitmaps = false;
  // The image says of what content it is. An image without it has the bytes that it always had.
  std::optional<RootRecord> root_record;

  // Whether clusters are compressed for the image.
  [[nodiscard]] bool compresses() const { return compression && !compression->keep; }
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
    kCompression,
    kBitmaps
  };
  Field field;
  std::string reason;
};
std::optional<OptionProblem> find_problem(const ImageOptions& options);

// Throws Error{kFailed} if no disk of this size (bytes) can be described with these options, since
// it needs an L1 table larger than QEMU reads. The message says what would fit; `name` is what it
// calls the disk. Throws Error{kUsage} where find_problem() finds a problem.
void check_disk_size(const std::string& name, std::uint64_t size, const ImageOptions& options);

}  // namespace qcow2stream
