// SPDX-License-Identifier: GPL-2.0-or-later
//
// The log of XFS: a ring of blocks of 512 bytes, in which records follow each other. The first word
// of each block is the number of the turn of the ring ("cycle") in which it was written; what stood
// there is kept in the record's header. So the place where the number falls by one is where the
// next record would go, and the record before it is the last one.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "filesystems/volume.h"
#include "filesystems/xfs_format.h"

namespace qcow2stream::xfs {

struct LogRecord {
  std::uint64_t block = 0;  // where its header begins
  std::uint64_t next = 0;   // the block behind it
  std::uint64_t tail = 0;   // where replaying begins: turn << 32 | block
  std::uint32_t operations = 0;
  bool is_little_endian = false;
  std::vector<std::byte> content;  // the operations, as they were before blocks got their numbers
};

class Log {
 public:
  // Throws Kept if it does not lie within the volume.
  Log(const Volume& volume, const Superblock& superblock);

  [[nodiscard]] std::uint64_t blocks() const { return blocks_; }
  // The block behind the last record, and the number of the turn in which that will be written.
  // Throws Kept where it is in doubt.
  struct Head {
    std::uint64_t block = 0;
    std::uint32_t turn = 0;
  };
  [[nodiscard]] Head find_head() const;
  // The header that stands before `head` and next to it.
  [[nodiscard]] std::uint64_t last_header(Head head) const;
  // Throws Kept unless there is a whole record.
  [[nodiscard]] LogRecord record_at(std::uint64_t block, Head head) const;

 private:
  // `count` blocks from `block` on, around the ring.
  [[nodiscard]] std::vector<std::byte> read(std::uint64_t block, std::uint64_t count) const;
  [[nodiscard]] std::uint32_t turn_at(std::uint64_t block) const;
  [[nodiscard]] std::uint32_t expected_turn(std::uint64_t block, Head head) const;
  [[nodiscard]] std::uint64_t first_that_differs(std::uint32_t first, std::uint32_t last) const;
  void check_neighbours(Head head) const;

  const Volume& volume_;
  const Superblock& superblock_;
  std::uint64_t begin_ = 0;  // bytes
  std::uint64_t blocks_ = 0;
};

// Throws Kept unless replaying the records from the tail of `last`, which is the last one, would
// change nothing but the superblock's counts.
void check_frozen(const Volume& volume, const Superblock& superblock, const Log& log,
                  Log::Head head, const LogRecord& last);

// As for a log that has to be replayed.
[[noreturn]] void refuse_dirty_log();

}  // namespace qcow2stream::xfs
