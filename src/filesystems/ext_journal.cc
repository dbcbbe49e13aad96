// SPDX-License-Identifier: GPL-2.0-or-later
//
// The log is walked as jbd2 recovers it: from the start that the superblock of the journal names,
// transaction by transaction, to the first block that does not continue it. What jbd2 takes for the
// end may also be damage in its midst, so nothing behind it may belong to the same log.

#include "filesystems/ext_journal.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/endian.h"
#include "filesystems/ext_journal_log.h"
#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr const char* kReplay = "mount it once and unmount it";

Kept unreadable_journal() {
  return Kept("its journal cannot be read whole", kReplay);
}

class LogWalk {
 public:
  LogWalk(const ExtFilesystem& filesystem, JournalLog& log)
      : filesystem_(filesystem),
        log_(log),
        at_(log.super().start),
        sequence_(log.super().sequence) {}

  JournalContent walk();

 private:
  // As many copies take 128 MiB of memory.
  static constexpr std::size_t kMostCopies = std::size_t{1} << 22U;

  std::uint32_t take_block();
  void take_descriptor(std::span<const std::byte> descriptor);
  void take_revocations(std::span<const std::byte> block);
  void take_commit(std::span<const std::byte> block);
  void check_block(std::span<const std::byte> block, std::size_t checksum_at) const;
  void check_rest();

  const ExtFilesystem& filesystem_;
  JournalLog& log_;
  std::uint32_t at_;
  std::uint32_t sequence_;
  std::uint64_t taken_ = 0;
  std::size_t committed_ = 0;  // how many of the copies are known to be
  JournalContent content_;
  std::map<std::uint64_t, std::uint32_t> revoked_;  // by a transaction that may not be committed
};

// The number of the next block, which is behind us then.
std::uint32_t LogWalk::take_block() {
  if (taken_ == log_.super().blocks - log_.super().first) throw unreadable_journal();
  ++taken_;
  const std::uint32_t block = at_;
  at_ = log_.next(at_);
  return block;
}

// A block of the journal's own, with its checksum at an offset in it.
void LogWalk::check_block(std::span<const std::byte> block, std::size_t checksum_at) const {
  if (!log_.super().has_checksums()) return;
  constexpr std::array<std::byte, 4> kZeros{};
  std::uint32_t sum = JournalLog::checksum(log_.seed(), block.first(checksum_at));
  sum = JournalLog::checksum(sum, kZeros);
  sum = JournalLog::checksum(sum, block.subspan(checksum_at + kZeros.size()));
  if (sum != load_big<std::uint32_t>(block.data() + checksum_at)) throw unreadable_journal();
}

void LogWalk::take_descriptor(std::span<const std::byte> descriptor) {
  constexpr std::uint16_t kEscaped = 1;
  constexpr std::uint16_t kSameUuid = 2;
  constexpr std::uint16_t kLast = 8;
  const JournalSuper& super = log_.super();
  const bool checksums = super.has_checksums();
  const bool wide = super.has(JournalSuper::kChecksums3);
  const std::size_t tag_length = wide ? 16
                                      : 8U + (super.has(JournalSuper::kChecksums2) ? 2U : 0U) +
                                            (super.has(JournalSuper::k64Bit) ? 4U : 0U);
  const std::vector<std::byte> block(descriptor.begin(), descriptor.end());  // read() goes on
  const std::size_t end = block.size() - (checksums ? 4 : 0);
  if (checksums) check_block(block, end);
  for (std::size_t at = 12; at + tag_length <= end;) {
    const std::byte* const tag = block.data() + at;
    const auto flags = load_big<std::uint16_t>(tag + 6);
    JournalCopy copy{.home = load_big<std::uint32_t>(tag), .sequence = sequence_};
    if (super.has(JournalSuper::k64Bit))
      copy.home |= std::uint64_t{load_big<std::uint32_t>(tag + 8)} << 32U;
    copy.escaped = (flags & kEscaped) != 0;
    const std::uint32_t number = take_block();
    copy.at = log_.place(number);
    if (copy.home >= filesystem_.blocks() || content_.copies.size() == kMostCopies)
      throw unreadable_journal();
    if (checksums) {
      std::array<std::byte, 4> sequence{};
      store_big(sequence.data(), sequence_);
      const std::uint32_t sum =
          JournalLog::checksum(JournalLog::checksum(log_.seed(), sequence), log_.read(number));
      if (wide ? sum != load_big<std::uint32_t>(tag + 12)
               : (sum & 0xffffU) != load_big<std::uint16_t>(tag + 4))
        throw unreadable_journal();
    }
    content_.copies.push_back(copy);
    at += tag_length + ((flags & kSameUuid) != 0 ? 0 : 16);
    if ((flags & kLast) != 0) return;
  }
}

void LogWalk::take_revocations(std::span<const std::byte> block) {
  const JournalSuper& super = log_.super();
  const std::size_t end = block.size() - (super.has_checksums() ? 4 : 0);
  if (super.has_checksums()) check_block(block, end);
  const std::size_t length = super.has(JournalSuper::k64Bit) ? 8 : 4;
  const auto used = load_big<std::uint32_t>(block.data() + 12);
  if (used > end) throw unreadable_journal();
  for (std::size_t at = 16; at + length <= used; at += length) {
    const std::uint64_t home = length == 8 ? load_big<std::uint64_t>(block.data() + at)
                                           : load_big<std::uint32_t>(block.data() + at);
    if (revoked_.size() == kMostCopies) throw unreadable_journal();
    revoked_[home] = sequence_;
  }
}

void LogWalk::take_commit(std::span<const std::byte> block) {
  constexpr std::size_t kChecksum = 16;
  if (log_.super().has_checksums()) check_block(block, kChecksum);
  for (; committed_ < content_.copies.size(); ++committed_)
    content_.copies[committed_].committed = true;
  for (const auto& [home, sequence] : revoked_) content_.revoked[home] = sequence;
  revoked_.clear();
  ++sequence_;
}

// Behind the end of the log stand older transactions. A newer one, or more of the last, would mean
// that what looks like the end is none.
void LogWalk::check_rest() {
  while (taken_ < log_.super().blocks - log_.super().first) {
    const JournalHeader header = journal_header(log_.read(take_block()));
    if (header.magic == JournalHeader::kMagic &&
        static_cast<std::int32_t>(header.sequence - log_.super().sequence) >= 0)
      throw unreadable_journal();
  }
}

JournalContent LogWalk::walk() {
  while (taken_ < log_.super().blocks - log_.super().first) {
    const std::span<const std::byte> block = log_.read(at_);
    const JournalHeader header = journal_header(block);
    if (header.magic != JournalHeader::kMagic || header.sequence != sequence_) break;
    take_block();
    switch (header.type) {
      case JournalHeader::kDescriptor:
        take_descriptor(block);
        break;
      case JournalHeader::kCommit:
        take_commit(block);
        break;
      case JournalHeader::kRevoke:
        take_revocations(block);
        break;
      default:
        throw unreadable_journal();
    }
  }
  check_rest();
  return std::move(content_);
}

// Of an order that a replay would keep: the last copy of each block that has not been taken back.
std::vector<JournalCopy> last_copies(const JournalContent& journal) {
  std::map<std::uint64_t, JournalCopy> last;
  for (const JournalCopy& copy : journal.copies) {
    if (!copy.committed) continue;
    const auto revoked = journal.revoked.find(copy.home);
    if (revoked != journal.revoked.end() &&
        static_cast<std::int32_t>(revoked->second - copy.sequence) >= 0)
      continue;
    last[copy.home] = copy;
  }
  std::vector<JournalCopy> copies;
  copies.reserve(last.size());
  for (const auto& [home, copy] : last) copies.push_back(copy);
  return copies;
}

}  // namespace

JournalContent read_ext_journal(const ExtFilesystem& filesystem) {
  const bool recover = ext2fs_has_feature_journal_needs_recovery(filesystem.get()->super) != 0;
  if (ext2fs_has_feature_journal(filesystem.get()->super) == 0) return {};
  if (filesystem.super().s_journal_inum == 0) {
    if (recover) throw Kept("its journal is elsewhere and has not been replayed", kReplay);
    return {};
  }
  JournalLog log(filesystem);
  const JournalSuper& super = log.super();
  if (super.error != 0) throw Kept("its journal has an error on record", "run e2fsck on it");
  if (super.start == 0) return {};
  if (!recover) throw Kept("its journal has not been replayed", kReplay);
  // Not among them: checksums of whole transactions, asynchronous and fast commits.
  constexpr std::uint32_t kKnown = JournalSuper::kRevoke | JournalSuper::k64Bit |
                                   JournalSuper::kChecksums2 | JournalSuper::kChecksums3;
  if (super.compat != 0 || super.read_only_compat != 0 || (super.incompat & ~kKnown) != 0)
    throw Kept("its journal has features that are not known, and has not been replayed", kReplay);
  return LogWalk(filesystem, log).walk();
}

ReplayedVolume::ReplayedVolume(const Volume& volume, std::uint32_t block_size,
                               const JournalContent& journal)
    : volume_(volume), block_size_(block_size), copies_(last_copies(journal)) {}

void ReplayedVolume::read(VolumeOffset offset, std::span<std::byte> buffer) const {
  volume_.read(offset, buffer);
  if (buffer.empty()) return;
  const std::uint64_t begin = offset.value();
  const std::uint64_t end = begin + buffer.size();
  std::vector<std::byte> block(block_size_);
  for (auto copy = std::ranges::lower_bound(copies_, begin / block_size_, {}, &JournalCopy::home);
       copy != copies_.end() && copy->home * block_size_ < end; ++copy) {
    read_copy(volume_, *copy, block);
    const std::uint64_t home = copy->home * block_size_;
    const std::uint64_t from = std::max(begin, home);
    const std::uint64_t to = std::min(end, home + block_size_);
    std::memcpy(buffer.data() + (from - begin), block.data() + (from - home), to - from);
  }
}

void read_copy(const Volume& volume, const JournalCopy& copy, std::span<std::byte> block) {
  volume.read(VolumeOffset(copy.at * block.size()), block);
  if (copy.escaped) store_big(block.data(), JournalHeader::kMagic);
}

}  // namespace qcow2stream
