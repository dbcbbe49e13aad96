// SPDX-License-Identifier: GPL-2.0-or-later
//
// The survey finds out which clusters of a disk need space in the image.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/options.h"
#include "qcow2stream/progress.h"

namespace qcow2stream {

// What each guest cluster needs, and compressed clusters that were kept. Made by survey(), used by
// Image; a caller only passes them on.
class ClusterMap;
class CompressedStore;
struct SurveyResult {
  std::shared_ptr<const ClusterMap> map;
  std::shared_ptr<const CompressedStore> compressed;  // null where nothing was kept
  // Bytes at the beginning of each data cluster that were read, where the disk has data there.
  std::uint64_t surveyed = 0;
};

enum class Scan {
  kZeros,  // look into the data: a cluster that reads as zeros gets no space
  kHoles,  // believe the disk's extents or the map; no data is read, except to compress it
  kNone,   // every cluster gets space; nothing is read, except to compress it
};

// Bytes. More makes the emission faster, up to the size of the compressed data: of an 8 GiB disk
// whose 4.7 GiB become 1.6 (zstd, two cores) 512 MiB took 17.0 s, 1 GiB 14.3 s and 3 GiB 11.0 s.
inline constexpr std::uint64_t kDefaultSpoolMemory = 1ULL << 30;

struct SurveyOptions {
  Scan scan = Scan::kZeros;
  // Worker threads; 0 means one a core. The result does not depend on it.
  unsigned threads = 0;
  // Whether to ask the disk for its extents. Without them everything counts as data, and so does
  // what `changes` calls zeros.
  bool use_extents = true;
  // A JSON file that says what is allocated, in place of the disk's extents: the output of
  // `qemu-img map`, `rbd diff` or `nbdinfo --map`, or a list of {"offset", "length"}. What it does
  // not list reads as zeros, whatever the disk holds. It is read once and in sequence, or twice if
  // it is a regular file whose entries are not sorted by offset. Not with kNone, use_extents =
  // false or a raw data file.
  std::optional<std::string> map_file;
  // With compression the survey compresses every cluster, since all offsets depend on the sizes. So
  // many bytes of the results are kept in memory for the emission...
  std::uint64_t spool_memory = kDefaultSpoolMemory;
  // ...and the rest in an unlinked file in this directory, if one is given. What is not kept is
  // compressed again when it is emitted.
  std::optional<std::string> spool_directory;
  // An increment, by one of these three: what has not changed stays unallocated. What has changed
  // and reads as zeros becomes a zero cluster where the image has a backing file, and is stored
  // where it has none or with kNone. With kHoles a list of changes is believed and nothing is read.
  //   The disk that the increment is based on: what differs from it has changed. Behind its end it
  //   counts as zeros. Extents of both are asked for; where both have holes nothing is read.
  //   `base_map_file` is for the base what `map_file` is for the disk. With either of them the
  //   disks must read as zeros where their maps list nothing.
  std::shared_ptr<const Disk> base;
  std::optional<std::string> base_map_file;
  //   What the disk's source says.
  std::shared_ptr<const Changes> changes;
  //   A JSON file, in the forms of `map_file`; there `exists`, "dirty", or `depth` 0 with `present`
  //   say that something has changed.
  std::optional<std::string> changed_map_file;
  // Decides about a base that has changed; without it that is an error.
  OnChange on_change;
  // Filled in while the survey runs, if given. Must outlive the call.
  Progress* progress = nullptr;
};

// Surveys the whole disk. Reads nothing where the image has a raw data file, which maps every
// cluster. Throws Error: options that find_problem() or check_disk_size() refuse or that exclude
// each other (kUsage), a disk that cannot be read, a map that cannot be read or does not fit the
// disk, a spool directory without room. Blocks until done. Threads of its own have ended when it
// returns.
SurveyResult survey(const Disk& disk, const ImageOptions& image, const SurveyOptions& options = {});

}  // namespace qcow2stream
