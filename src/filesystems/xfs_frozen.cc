// SPDX-License-Identifier: GPL-2.0-or-later
//
// A file system that is frozen has written all of its metadata. Its log ends in a transaction that
// holds the superblock and nothing else; Linux writes it so that the log is replayed when a copy is
// mounted, for files that were open and have no name. Replaying it changes no block of the trees of
// free space.

#include <algorithm>
#include <array>

#include "filesystems/fields.h"
#include "filesystems/kept.h"
#include "filesystems/xfs_log.h"

namespace qcow2stream::xfs {
namespace {

// More than two such transactions have, with the padding of their records.
constexpr std::uint64_t kMostBlocks = (std::uint64_t{1} << 20) / kDiskBlock;

// Of an operation: struct xlog_op_header.
constexpr std::size_t kOperationSize = 12;
constexpr std::size_t kOperationLength = 4;
constexpr std::size_t kOperationClient = 8;
constexpr std::size_t kOperationFlags = 9;
constexpr unsigned kTransaction = 0x69;
constexpr unsigned kStarts = 0x01;
constexpr unsigned kCommits = 0x02;

// Of a transaction: struct xfs_trans_header.
constexpr std::uint32_t kTransactionMagic = 0x5452414e;
constexpr std::size_t kTransactionSize = 16;

// Of a buffer: struct xfs_buf_log_format, whose bits say which pieces of it follow.
constexpr unsigned kIsBuffer = 0x123c;
constexpr std::size_t kBufferPieces = 2;
constexpr std::size_t kBufferFlags = 4;
constexpr std::size_t kBufferBlocks = 6;
constexpr std::size_t kBufferPlace = 8;
constexpr std::size_t kBufferMapWords = 16;
constexpr std::size_t kBufferMap = 20;
constexpr unsigned kOddFlags = 0x1f;  // inodes, cancelled, quota
constexpr std::size_t kPiece = 128;

// Of the superblock's bytes, whether it may be changed by a replay: its counts, the checksum and
// the number of the record that has it.
bool is_count(std::size_t at) {
  return (at >= 128 && at < 160) || (at >= 224 && at < 228) || (at >= 240 && at < 248);
}

struct Operation {
  unsigned flags = 0;
  std::span<const std::byte> content;
};

// Follows the operations of transactions, one of which may go on in the next record.
class Transactions {
 public:
  explicit Transactions(std::vector<std::byte> superblock) : superblock_(std::move(superblock)) {}

  void take(const Operation& operation) {
    if (operation.flags == kStarts && state_ == State::kOutside && operation.content.empty()) {
      state_ = State::kStarted;
    } else if (operation.flags == kCommits && state_ == State::kItems &&
               operation.content.empty()) {
      state_ = State::kOutside;
    } else if (operation.flags == 0) {
      take_content(operation.content);
    } else {
      refuse_dirty_log();
    }
  }
  [[nodiscard]] bool is_outside() const { return state_ == State::kOutside; }

 private:
  enum class State : std::uint8_t { kOutside, kStarted, kItems, kPiecesOfBuffer };

  void take_content(std::span<const std::byte> content) {
    const Fields fields(content);
    if (state_ == State::kStarted && content.size() == kTransactionSize &&
        fields.little<std::uint32_t>(0) == kTransactionMagic) {
      state_ = State::kItems;
    } else if (state_ == State::kItems) {
      take_buffer(fields);
    } else if (state_ == State::kPiecesOfBuffer) {
      take_piece(content);
    } else {
      refuse_dirty_log();
    }
  }

  // The superblock, of which the pieces follow that stand in a row at its beginning.
  void take_buffer(const Fields& fields) {
    const std::uint64_t size = fields.little<std::uint16_t>(kBufferBlocks) * kDiskBlock;
    if (fields.little<std::uint16_t>(0) != kIsBuffer ||
        fields.little<std::uint16_t>(kBufferPieces) != 2 ||
        (fields.little<std::uint16_t>(kBufferFlags) & kOddFlags) != 0 ||
        fields.little<std::uint64_t>(kBufferPlace) != 0 || size != superblock_.size() ||
        fields.little<std::uint32_t>(kBufferMapWords) == 0) {
      refuse_dirty_log();
    }
    const auto map = fields.little<std::uint32_t>(kBufferMap);
    if (map == 0 || (map & (map + 1)) != 0) refuse_dirty_log();  // bits from the lowest on
    expected_ = static_cast<std::size_t>(std::countr_one(map)) * kPiece;
    state_ = State::kPiecesOfBuffer;
  }

  void take_piece(std::span<const std::byte> content) {
    if (content.size() != expected_ || expected_ > superblock_.size()) refuse_dirty_log();
    for (std::size_t i = 0; i < content.size(); ++i) {
      if (content[i] != superblock_[i] && !is_count(i)) refuse_dirty_log();
    }
    state_ = State::kItems;
  }

  std::vector<std::byte> superblock_;
  State state_ = State::kOutside;
  std::size_t expected_ = 0;
};

void take_record(const LogRecord& record, Transactions& transactions) {
  std::span<const std::byte> rest(record.content);
  for (std::uint32_t i = 0; i < record.operations; ++i) {
    const Fields fields(rest);
    const std::size_t length = fields.big<std::uint32_t>(kOperationLength);
    if (rest.size() < kOperationSize || length > rest.size() - kOperationSize ||
        fields.byte(kOperationClient) != kTransaction) {
      refuse_dirty_log();
    }
    transactions.take({fields.byte(kOperationFlags), rest.subspan(kOperationSize, length)});
    rest = rest.subspan(kOperationSize + length);
  }
}

}  // namespace

void check_frozen(const Volume& volume, const Superblock& superblock, const Log& log,
                  Log::Head head, const LogRecord& last) {
  std::uint64_t block = last.tail & 0xffffffff;
  const std::uint64_t turn = last.tail >> 32;
  if (block >= log.blocks() || turn != (block < head.block ? head.turn : head.turn - 1)) {
    refuse_dirty_log();
  }
  std::uint64_t left = (head.block + log.blocks() - block) % log.blocks();
  if (left == 0 || left > kMostBlocks) refuse_dirty_log();
  Transactions transactions(bytes_at(volume, 0, superblock.sector_size));
  while (left > 0) {
    const LogRecord record = log.record_at(block, head);
    const std::uint64_t length = (record.next + log.blocks() - block) % log.blocks();
    if (length > left || !record.is_little_endian) refuse_dirty_log();
    take_record(record, transactions);
    left -= length;
    block = record.next;
  }
  if (!transactions.is_outside()) refuse_dirty_log();
}

}  // namespace qcow2stream::xfs
