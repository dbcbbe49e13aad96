// SPDX-License-Identifier: GPL-2.0-or-later
//
// The journal of an ext3 or ext4 file system (jbd2), as far as it has not been replayed.

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "filesystems/ext_io.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// A copy of a block in the journal.
struct JournalCopy {
  std::uint64_t home = 0;      // the block of the file system that it is a copy of
  std::uint64_t at = 0;        // the block of the file system where the copy stands
  std::uint32_t sequence = 0;  // of its transaction
  bool escaped = false;        // begins with zeros in place of the journal's magic number
  bool committed = false;      // a replay takes it into account
};

struct JournalContent {
  std::vector<JournalCopy> copies;  // in the order of the log
  // The last transaction that took a block back: copies up to it are not replayed.
  std::map<std::uint64_t, std::uint32_t> revoked;
};

// Throws Kept unless the journal is what the superblock says of it: empty, or if the file system
// needs recovery, one that can be read from its start to its end.
JournalContent read_ext_journal(const ExtFilesystem& filesystem);

// A volume as a replay of the journal would leave it.
class ReplayedVolume final : public Volume {
 public:
  // `volume` must outlive the object.
  ReplayedVolume(const Volume& volume, std::uint32_t block_size, const JournalContent& journal);

  [[nodiscard]] std::uint64_t size() const override { return volume_.size(); }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override;

 private:
  const Volume& volume_;
  std::uint32_t block_size_;
  std::vector<JournalCopy> copies_;  // by home, of each the one that counts
};

// Reads what a copy holds. REQUIRES: `block` is as large as one of the file system.
void read_copy(const Volume& volume, const JournalCopy& copy, std::span<std::byte> block);

}  // namespace qcow2stream
