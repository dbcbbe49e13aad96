// SPDX-License-Identifier: GPL-2.0-or-later
//
// The survey finds out which clusters of a disk need space in the image.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/leave_out.h"
#include "qcow2stream/manifest.h"
#include "qcow2stream/options.h"
#include "qcow2stream/progress.h"

namespace qcow2stream {

// What each guest cluster needs, compressed clusters that were kept, and what dirty bitmaps need.
// Made by survey(), used by Image; a caller only passes them on.
class ClusterMap;
class CompressedStore;
struct CarriedBitmaps;
struct SurveyResult {
  std::shared_ptr<const ClusterMap> map;
  std::shared_ptr<const CompressedStore> compressed;  // null where nothing was kept
  std::shared_ptr<const CarriedBitmaps> bitmaps;      // null where none were asked for
  // Bytes at the beginning of each data cluster that were read, where the disk has data there.
  std::uint64_t surveyed = 0;
  // The digests of the content, if they were asked for.
  std::shared_ptr<const ManifestBuilder> content;
  // What was left out, and which clusters (or subclusters) that are. Null where nothing was to be.
  std::shared_ptr<const LeftOut> left_out;
  std::shared_ptr<const ClusterMap> left_out_clusters;
};

enum class Scan {
  kZeros,  // looks into the data: a cluster that reads as zeros gets no space
  kHoles,  // believes the disk's extents or the list; reads no data, except to compress it
  kNone,   // gives space to every cluster; reads nothing, except to compress it
};

// In bytes. More makes the emission faster, up to the size of the compressed data: of an 8 GiB disk
// whose 4.7 GiB become 1.6 (zstd, two cores) 512 MiB took 17.0 s, 1 GiB 14.3 s and 3 GiB 11.0 s.
inline constexpr std::uint64_t kDefaultSpoolMemory = 1ULL << 30;

// Who says which parts of a disk may hold data; all other parts read as zeros.
struct DiskItself {};  // the disk says it: Disk::runs()
struct Everything {};  // nobody is asked: all of it may
// A JSON file lists them: the output of `qemu-img map`, `rbd diff` or `nbdinfo --map`, or a list of
// {"offset", "length"}. What it does not list reads as zeros, whatever the disk holds. It is read
// once and in sequence, or twice if it is a regular file whose entries are not sorted by offset.
struct AllocationList {
  std::string file;
};
using Allocation = std::variant<DiskItself, Everything, AllocationList>;

// Asks for a full image.
struct Full {
  Allocation allocation;
};

// Asks for an increment of what differs from another disk, which counts as zeros behind its end.
// Where neither disk holds data nothing is read. So, with a list, the disk must read as zeros
// wherever the list has no entry.
struct Against {
  std::shared_ptr<const Disk> base;  // not null
  Allocation allocation;
  Allocation base_allocation;
};

// A JSON file, in one of the forms of AllocationList, lists what has changed. In it `exists`,
// "dirty", or `depth` 0 with `present` say that a run has changed.
struct ChangedList {
  std::string file;
};

// Asks for an increment of what is said to have changed. With Scan::kHoles that is believed and
// nothing is read.
struct Only {
  std::variant<std::shared_ptr<const Changes>, ChangedList> changes;  // not null
  // Whether what Changes call zeros does read as zeros; otherwise it is data.
  bool believe_zeros = true;
  // If given, this is what the disk held before those changes: the content is hashed, in chunks as
  // the manifest has them, and what has not changed is not read for it but taken from there
  // (ManifestChunk::inherited). Nobody checks that, so it is as right as what says what has
  // changed.
  std::shared_ptr<const Manifest> base = nullptr;
};

// Asks for an increment of what differs from a content of which there is a manifest. A chunk with
// another digest has changed as a whole, for nobody can tell which part of it has. What lies behind
// the end of that content counts as zeros, as with Against.
struct AgainstManifest {
  std::shared_ptr<const Manifest> base;  // not null
  Allocation allocation;
};

// What a survey is asked.
using Question = std::variant<Full, Against, Only, AgainstManifest>;

struct SurveyOptions {
  // What has not changed stays unallocated in an increment. What has changed and reads as zeros
  // becomes a zero cluster where the image has a backing file, and is stored where it has none or
  // with Scan::kNone.
  Question what;
  Scan scan = Scan::kZeros;
  // Worker threads; 0 means one a core. The result does not depend on it.
  unsigned threads = 0;
  // With compression the survey compresses every cluster, since all offsets depend on the sizes.
  // This is how many bytes of the results are kept in memory for the emission.
  std::uint64_t spool_memory = kDefaultSpoolMemory;
  // The rest is kept in an unlinked file in this directory, if one is given. What is not kept is
  // compressed again when it is emitted.
  std::optional<std::string> spool_directory;
  // If given, all of the content is read and hashed, in chunks of 2^bits bytes. With
  // AgainstManifest, and with the base of Only, that happens in any case, in chunks as the manifest
  // has them.
  std::optional<unsigned> hash_chunk_bits;
  // If given, clusters (of an increment with subclusters, these) that are left out as a whole read
  // as zeros in the image, whatever the disk holds, and that is the content that is hashed. An
  // increment that leaves out needs a manifest of its base, AgainstManifest or `base_image`: what
  // is left out becomes a zero cluster unless the base is known to hold zeros there.
  std::shared_ptr<const LeftOut> left_out;
  // With Against and Only: the manifest of the image that the increment goes on top of. What that
  // image left out counts as changed, since the image holds zeros there whatever the disk did.
  std::shared_ptr<const Manifest> base_image;
  // Bytes a second that are read of the disk and the base together, on the average, at most. 0:
  // there is no limit.
  std::uint64_t most_per_second = 0;
  // Is called if the base has changed. Without it that is an error.
  OnChange on_change;
  // Is filled in while the survey runs, if given. Must outlive the call.
  Progress* progress = nullptr;
};

// What an image of `disk` shows that is made with such a list, as a disk: where the list has
// nothing it reads as zeros, whatever `disk` holds. A list is about clusters of the image, which
// have `cluster_size` bytes: one of which it has a part is there as a whole. Reads the list. Throws
// Error as survey() does for a list.
std::shared_ptr<const Disk> listed_disk(std::shared_ptr<const Disk> disk,
                                        const AllocationList& list, std::uint32_t cluster_size);

// Surveys the whole disk. Reads nothing where the image has a raw data file, which maps every
// cluster. Throws Error if find_problem() or check_disk_size() refuse the options or they make no
// sense together (kUsage), if the disk or a list cannot be read, if a list does not fit the disk,
// or if the spool directory has no room. Blocks until all is done. Threads of its own have ended
// when it returns.
SurveyResult survey(const Disk& disk, const ImageOptions& image, const SurveyOptions& options = {});

}  // namespace qcow2stream
