// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the examination of one volume has found. Whoever examines a format of file systems derives
// from nothing: it is a function `Finding examine_NAME(const Volume&, Kinds, FreeRuns&)`.

#pragma once

#include <cstdint>
#include <string>

#include "filesystems/volume.h"

namespace qcow2stream {

// What may be left out (`--leave-out`).
struct Kinds {
  bool free = false;  // blocks that a file system does not use
  bool swap = false;  // swap space; pagefile.sys and swapfile.sys of Windows
};

enum class LeftOutKind : std::uint8_t { kFree, kSwap };

// Takes the runs of a volume that nothing uses. They come in any order, never overlap and may touch
// each other; each is within the volume and not empty. All of them count only if the Finding that
// comes at the end says so: an examination hands runs over while it still looks for reasons to keep
// them.
class FreeRuns {
 public:
  virtual ~FreeRuns() = default;
  virtual void add(VolumeRange run, LeftOutKind kind) = 0;
};

struct Finding {
  // The format's usual name in lower case: "ext4", "xfs", "ntfs", "swap", "btrfs", "luks", or
  // "unknown".
  std::string format;
  // Its label or, where it has none, its UUID, in printable ASCII (anything else as "\xNN"), at
  // most 64 characters. May be empty.
  std::string name;
  std::uint64_t block_size = 0;  // bytes; 0 where the format has none that we know
  std::uint64_t used = 0;        // bytes that the file system itself calls used
  std::uint64_t free = 0;        // bytes that it calls free
  // Why all of the volume is kept: half a sentence in lower case ("its log has not been replayed").
  // Empty means that the runs that were handed over may be left out.
  std::string kept_because;
  // What brings it into a state in which free blocks can be left out: half a sentence in the
  // imperative ("unmount it, or mount it once and unmount it"). Empty where nothing does.
  std::string remedy;

  [[nodiscard]] bool kept() const { return !kept_because.empty(); }
};

}  // namespace qcow2stream
