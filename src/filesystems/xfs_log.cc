// SPDX-License-Identifier: GPL-2.0-or-later
//
// How the end of the log is found is Linux's way (xlog_find_head), with less patience: around it
// all blocks must have the number that they have after an orderly end.

#include "filesystems/xfs_log.h"

#include <algorithm>
#include <array>

#include "base/bits.h"
#include "filesystems/crc32c.h"
#include "filesystems/fields.h"
#include "filesystems/kept.h"

namespace qcow2stream::xfs {
namespace {

constexpr std::uint32_t kHeaderMagic = 0xfeedbabe;
// Up to 8 buffers of 256 KiB are written at a time, in any order: XLOG_TOTAL_REC_SHIFT.
constexpr std::uint64_t kMostInFlight = (std::uint64_t{2} << 20) / kDiskBlock;
constexpr std::uint64_t kLargestRecord = std::uint64_t{256} << 10;
// A block of a header has room for the words of that many bytes of content.
constexpr std::uint64_t kPerHeader = std::uint64_t{32} << 10;
constexpr std::uint64_t kMostLogBytes = std::uint64_t{1} << 31;  // XFS_MAX_LOG_BYTES, rounded up

// Offsets of fields (struct xlog_rec_header).
constexpr std::size_t kTurn = 4;
constexpr std::size_t kRecordVersion = 8;
constexpr std::size_t kLength = 12;
constexpr std::size_t kNumber = 16;  // its LSN: turn << 32 | block
constexpr std::size_t kTail = 24;
constexpr std::size_t kRecordCrc = 32;
constexpr std::size_t kOperations = 40;
constexpr std::size_t kWords = 44;
constexpr std::size_t kByteOrder = 300;
constexpr std::size_t kRecordUuid = 304;
constexpr std::size_t kBufferSize = 320;
// Of a further header.
constexpr std::size_t kMoreWords = 4;
constexpr std::size_t kMoreSize = 260;

// Of an operation.
constexpr std::size_t kFlags = 9;
constexpr unsigned kUnmounts = 0x20;

[[noreturn]] void refuse_odd_log() {
  throw Kept("the end of its log cannot be told", "mount it once and unmount it");
}

// What a header says of the size of its record, in blocks.
struct Shape {
  std::uint64_t length = 0;  // of the content, bytes
  std::uint64_t header_blocks = 1;
  std::uint64_t content_blocks = 0;
};

Shape shape_of(const Fields& header) {
  Shape shape;
  shape.length = header.big<std::uint32_t>(kLength);
  const auto version = header.big<std::uint32_t>(kRecordVersion);
  const std::uint64_t buffer = header.big<std::uint32_t>(kBufferSize);
  if ((version != 1 && version != 2) || shape.length == 0 || shape.length > kLargestRecord ||
      buffer > kLargestRecord) {
    refuse_odd_log();
  }
  if (version == 2 && buffer > kPerHeader) shape.header_blocks = div_up(buffer, kPerHeader);
  shape.content_blocks = div_up(shape.length, kDiskBlock);
  if (shape.content_blocks > shape.header_blocks * (kPerHeader / kDiskBlock)) refuse_odd_log();
  return shape;
}

// Machines of 32 bits had no padding behind the header's last field.
bool has_checksum(std::span<const std::byte> record, const Shape& shape, std::size_t header_size) {
  constexpr std::array<std::byte, sizeof(std::uint32_t)> kZeros{};
  std::uint32_t crc = crc32c(~0U, record.first(kRecordCrc));
  crc = crc32c(crc, kZeros);
  constexpr std::size_t kBehindCrc = kRecordCrc + kZeros.size();
  crc = crc32c(crc, record.subspan(kBehindCrc, header_size - kBehindCrc));
  for (std::uint64_t i = 1; i < div_up(shape.length, kPerHeader); ++i) {
    crc = crc32c(crc, record.subspan(i * kDiskBlock, kMoreSize));
  }
  crc = crc32c(crc, record.subspan(shape.header_blocks * kDiskBlock, shape.length));
  return ~crc == Fields(record).little<std::uint32_t>(kRecordCrc);
}

void check_checksum(std::span<const std::byte> record, const Shape& shape) {
  // mkfs.xfs and xfs_repair leave it out.
  if (Fields(record).little<std::uint32_t>(kRecordCrc) == 0) return;
  constexpr std::size_t kRecordHeader = 328;
  constexpr std::size_t kRecordHeaderOf32Bits = 324;
  if (!has_checksum(record, shape, kRecordHeader) &&
      !has_checksum(record, shape, kRecordHeaderOf32Bits)) {
    refuse_odd_log();
  }
}

// The content, in which each block has its own first word again.
std::vector<std::byte> content_of(std::span<const std::byte> record, const Shape& shape) {
  constexpr std::size_t kWord = sizeof(std::uint32_t);
  const auto blocks =
      record.subspan(shape.header_blocks * kDiskBlock, shape.content_blocks * kDiskBlock);
  std::vector<std::byte> content(blocks.begin(), blocks.end());
  constexpr std::uint64_t kBlocksPerHeader = kPerHeader / kDiskBlock;
  for (std::uint64_t i = 0; i < shape.content_blocks; ++i) {
    const std::uint64_t header = i / kBlocksPerHeader;
    const std::size_t words = header == 0 ? kWords : header * kDiskBlock + kMoreWords;
    const auto word = record.subspan(words + i % kBlocksPerHeader * kWord, kWord);
    std::ranges::copy(word, content.begin() + static_cast<std::ptrdiff_t>(i * kDiskBlock));
  }
  content.resize(shape.length);
  return content;
}

bool unmounts(const LogRecord& record) {
  return record.operations == 1 && (Fields(record.content).byte(kFlags) & kUnmounts) != 0;
}

}  // namespace

void refuse_dirty_log() {
  throw Kept("its log has not been replayed",
             "unmount it, or mount the snapshot once (with -o nouuid) and unmount that");
}

Log::Log(const Volume& volume, const Superblock& superblock)
    : volume_(volume), superblock_(superblock) {
  const std::uint64_t group = superblock.log_start >> superblock.group_bits;
  const std::uint64_t mask = (std::uint64_t{1} << superblock.group_bits) - 1;
  const std::uint64_t block = superblock.log_start & mask;
  if (group >= superblock.groups || block >= superblock.group_blocks(group) ||
      superblock.log_blocks == 0 ||
      superblock.log_blocks > superblock.group_blocks(group) - block ||
      superblock.log_blocks * superblock.block_size > kMostLogBytes) {
    throw Kept("its superblock is damaged", "run xfs_repair on it");
  }
  begin_ = superblock.group_begin(group) + block * superblock.block_size;
  blocks_ = superblock.log_blocks * superblock.block_size / kDiskBlock;
  if (blocks_ < 4) refuse_odd_log();
}

std::vector<std::byte> Log::read(std::uint64_t block, std::uint64_t count) const {
  const std::uint64_t front = std::min(count, blocks_ - block);
  auto bytes = bytes_at(volume_, begin_ + block * kDiskBlock, front * kDiskBlock);
  if (front < count) {
    const auto rest = bytes_at(volume_, begin_, std::min(count - front, blocks_) * kDiskBlock);
    bytes.insert(bytes.end(), rest.begin(), rest.end());
  }
  return bytes;
}

namespace {

std::uint32_t turn_of(std::span<const std::byte> block) {
  const Fields fields(block);
  const auto first = fields.big<std::uint32_t>(0);
  return first == kHeaderMagic ? fields.big<std::uint32_t>(kTurn) : first;
}

}  // namespace

std::uint32_t Log::turn_at(std::uint64_t block) const {
  return turn_of(read(block, 1));
}

// Of blocks that were written in the turn of `head` and in the one before.
std::uint32_t Log::expected_turn(std::uint64_t block, Head head) const {
  return block < head.block ? head.turn : head.turn - 1;
}

std::uint64_t Log::first_that_differs(std::uint32_t first, std::uint32_t last) const {
  std::uint64_t low = 0;             // has the number `first`
  std::uint64_t high = blocks_ - 1;  // has the number `last`
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const std::uint32_t turn = turn_at(middle);
    if (turn != first && turn != last) refuse_odd_log();
    (turn == first ? low : high) = middle;
  }
  return high;
}

void Log::check_neighbours(Head head) const {
  const std::uint64_t count = std::min(kMostInFlight, blocks_ / 2);
  std::uint64_t block = (head.block + blocks_ - count) % blocks_;
  const auto bytes = read(block, 2 * count);
  for (std::uint64_t i = 0; i < 2 * count; ++i) {
    const auto turn = turn_of(std::span(bytes).subspan(i * kDiskBlock, kDiskBlock));
    if (turn != expected_turn(block, head)) refuse_dirty_log();
    block = (block + 1) % blocks_;
  }
}

Log::Head Log::find_head() const {
  const std::uint32_t first = turn_at(0);
  const std::uint32_t last = turn_at(blocks_ - 1);
  Head head{0, first + 1};
  if (first != last) head = {first_that_differs(first, last), first};
  // The turns begin with 1; a ring that has not been gone round once is zeros to its end.
  if (first == 0 || (first != last && first != last + 1)) refuse_odd_log();
  check_neighbours(head);
  return head;
}

std::uint64_t Log::last_header(Head head) const {
  constexpr std::uint64_t kMostLooked = kLargestRecord / kDiskBlock + kLargestRecord / kPerHeader;
  const std::uint64_t count = std::min(kMostLooked, blocks_ / 2);
  const std::uint64_t begin = (head.block + blocks_ - count) % blocks_;
  const auto bytes = read(begin, count);
  for (std::uint64_t i = count; i-- > 0;) {
    if (Fields(bytes).big<std::uint32_t>(i * kDiskBlock) == kHeaderMagic) {
      return (begin + i) % blocks_;
    }
  }
  refuse_odd_log();
}

LogRecord Log::record_at(std::uint64_t block, Head head) const {
  const auto first = read(block, 1);
  const Fields header(first);
  const std::uint32_t turn = expected_turn(block, head);
  if (header.big<std::uint32_t>(0) != kHeaderMagic || header.big<std::uint32_t>(kTurn) != turn ||
      header.big<std::uint64_t>(kNumber) != (std::uint64_t{turn} << 32 | block) ||
      !std::ranges::equal(header.bytes(kRecordUuid, superblock_.uuid.size()), superblock_.uuid)) {
    refuse_odd_log();
  }
  const Shape shape = shape_of(header);
  const std::uint64_t count = shape.header_blocks + shape.content_blocks;
  if (count > blocks_ / 2) refuse_odd_log();
  const auto record = read(block, count);
  check_checksum(record, shape);
  LogRecord found;
  found.block = block;
  found.next = (block + count) % blocks_;
  found.tail = header.big<std::uint64_t>(kTail);
  found.operations = header.big<std::uint32_t>(kOperations);
  found.is_little_endian = header.big<std::uint32_t>(kByteOrder) == 1;
  found.content = content_of(record, shape);
  return found;
}

LogState check_log(const Volume& volume, const Superblock& superblock) {
  if (superblock.log_start == 0) throw Kept("its log is on another device");
  const Log log(volume, superblock);
  const Log::Head head = log.find_head();
  const LogRecord last = log.record_at(log.last_header(head), head);
  if (last.next != head.block) refuse_dirty_log();
  if (unmounts(last)) return LogState::kUnmounted;
  check_frozen(volume, superblock, log, head, last);
  return LogState::kFrozen;
}

}  // namespace qcow2stream::xfs
