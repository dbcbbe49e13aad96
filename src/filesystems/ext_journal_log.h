// SPDX-License-Identifier: GPL-2.0-or-later
//
// The journal as a sequence of blocks: its superblock, and the blocks of its log by number.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "filesystems/ext_io.h"

namespace qcow2stream {

// What jbd2 writes, in the byte order of this machine. Layout: fs/jbd2 and include/linux/jbd2.h.
struct JournalSuper {
  std::uint32_t block_size = 0;
  std::uint32_t blocks = 0;    // of the journal, the superblock among them
  std::uint32_t first = 0;     // the first block of the log
  std::uint32_t sequence = 0;  // of the first transaction that has not been written back
  std::uint32_t start = 0;     // its block; 0 if the journal is empty
  std::uint32_t error = 0;
  std::uint32_t compat = 0;
  std::uint32_t incompat = 0;
  std::uint32_t read_only_compat = 0;
  std::array<std::byte, 16> uuid{};

  static constexpr std::uint32_t kRevoke = 1;
  static constexpr std::uint32_t k64Bit = 2;
  static constexpr std::uint32_t kChecksums2 = 8;
  static constexpr std::uint32_t kChecksums3 = 16;

  [[nodiscard]] bool has(std::uint32_t incompat_bit) const {
    return (incompat & incompat_bit) != 0;
  }
  [[nodiscard]] bool has_checksums() const { return has(kChecksums2) || has(kChecksums3); }
};

struct JournalHeader {
  static constexpr std::uint32_t kMagic = 0xc03b3998;
  enum Type : std::uint32_t { kDescriptor = 1, kCommit = 2, kSuper1 = 3, kSuper2 = 4, kRevoke = 5 };

  std::uint32_t magic = 0;
  std::uint32_t type = 0;
  std::uint32_t sequence = 0;
};

// REQUIRES: a block of the journal.
JournalHeader journal_header(std::span<const std::byte> block);

class JournalLog {
 public:
  // Throws Kept if there is no journal in the file system that makes sense.
  explicit JournalLog(const ExtFilesystem& filesystem);

  [[nodiscard]] const JournalSuper& super() const { return super_; }
  // The block of the file system in which a block of the journal lies. REQUIRES: block <
  // super().blocks.
  [[nodiscard]] std::uint64_t place(std::uint32_t block) const;
  // A block of the journal, valid until the next call. Quick if blocks are asked for in order.
  [[nodiscard]] std::span<const std::byte> read(std::uint32_t block);
  // The block behind another one, round and round.
  [[nodiscard]] std::uint32_t next(std::uint32_t block) const {
    return block + 1 == super_.blocks ? super_.first : block + 1;
  }
  // The checksum of bytes, continued from `seed`.
  [[nodiscard]] static std::uint32_t checksum(std::uint32_t seed, std::span<const std::byte> bytes);
  // What the checksums of this journal begin with.
  [[nodiscard]] std::uint32_t seed() const { return checksum(~0U, super_.uuid); }

 private:
  struct Piece {
    std::uint64_t logical;
    std::uint64_t place;
    std::uint64_t length;
  };

  void find_pieces(const ExtFilesystem& filesystem);
  void read_super();
  [[nodiscard]] const Piece& piece_of(std::uint32_t block) const;

  const ExtFilesystem& filesystem_;
  std::vector<Piece> pieces_;
  JournalSuper super_;
  std::vector<std::byte> buffer_;
  std::uint64_t buffered_ = 0;  // the first block of the journal in the buffer
};

}  // namespace qcow2stream
