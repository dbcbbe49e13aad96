// SPDX-License-Identifier: GPL-2.0-or-later
//
// What of a disk no file system uses. A disk that is not blank has more than its files: deleted
// ones stay until something else is written over them. LeftOut says where such blocks lie, so that
// an image can hold zeros there (SurveyOptions::left_out).
//
// What is not known is in use: whatever lies outside of a file system, a file system of a kind that
// is not known here, and one that was not left clean. Who looks at the file systems is the confined
// program (confined.h), which is handed bytes of the disk and can do nothing else.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/disk.h"
#include "qcow2stream/root.h"
#include "qcow2stream/run.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

struct LeaveOutOptions {
  bool free = true;   // blocks that a file system does not use
  bool swap = false;  // swap space; pagefile.sys and swapfile.sys of Windows
  // Only whole units that lie in free blocks of one file system are left out: the size of a
  // cluster of the image, or of a subcluster where the image is an increment with subclusters.
  // Bytes, a power of two from 16 to 2 MiB.
  std::uint64_t unit = 65536;
  // As of ConfinedOptions; the timeout is also the time that all of the program's own work may
  // take beyond what is usual for a disk of that size.
  std::string program;
  std::chrono::seconds timeout{60};
};

// A partition, a logical volume, or a disk without a partition table.
struct ExaminedVolume {
  std::string name;             // "partition 2", "LVM volume vg/root", "disk"
  std::uint64_t size = 0;       // bytes
  std::string format;           // "ext4", "luks", "unknown"
  std::string label;            // of the file system, or its UUID; may be empty
  std::uint64_t used = 0;       // bytes that the file system itself calls used
  std::uint64_t free = 0;       // bytes that it calls free
  std::string kept_because;     // half a sentence; empty: its free blocks are left out
  std::string remedy;           // half a sentence in the imperative; may be empty
  bool has_failed = false;      // kept since looking at it went wrong
  std::uint64_t left_free = 0;  // bytes that are left out, as free blocks and as swap space
  std::uint64_t left_swap = 0;
};

// A range of the disk, of 1 byte to 2 MiB, that was read, and the SHA-256 of what it held.
struct HeldRange {
  GuestRange range;
  ContentDigest digest{};
};

// All functions are const and may be called by several threads at once.
class LeftOut {
 public:
  virtual ~LeftOut() = default;

  // Where all of `disk_size` bytes stand: a run of zeros is left out, one of data is not.
  [[nodiscard]] virtual std::unique_ptr<RunCursor> runs() const = 0;
  [[nodiscard]] virtual std::uint64_t disk_size() const = 0;
  [[nodiscard]] virtual std::uint64_t unit() const = 0;
  // What was found, in the order of the disk.
  [[nodiscard]] virtual const std::vector<ExaminedVolume>& volumes() const = 0;

  // What the findings rest on: as long as the disk holds that, they are right. At most 2,000,000
  // ranges.
  [[nodiscard]] virtual std::span<const HeldRange> rests_on() const = 0;
};

// Reads again what the findings rest on. Throws Error{kChanged} where `disk`, which shows what the
// examined one does, holds something else.
void check_left_out(const LeftOut& left_out, const Disk& disk);

// Examines the file systems of the disk. Throws Error only where the disk cannot be read, or where
// the program cannot be started or confined (kFailed). All else that can go wrong, the program's
// death included, is a reason to leave nothing out of a volume.
std::shared_ptr<const LeftOut> find_left_out(const Disk& disk, const LeaveOutOptions& options = {});

// Nothing is left out of the disk, and why: "is mounted read-write at /mnt".
std::shared_ptr<const LeftOut> nothing_left_out(const Disk& disk, std::string kept_because,
                                                std::string remedy = {});

}  // namespace qcow2stream
