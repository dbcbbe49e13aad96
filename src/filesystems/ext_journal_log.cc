// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext_journal_log.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "base/endian.h"
#include "filesystems/ext_inode.h"
#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kSuperLength = 1024;

Kept bad_journal() {
  return Kept("its journal makes no sense", "run e2fsck on it");
}

std::uint32_t big_at(std::span<const std::byte> bytes, std::size_t offset) {
  return load_big<std::uint32_t>(bytes.data() + offset);
}

}  // namespace

JournalHeader journal_header(std::span<const std::byte> block) {
  return {.magic = big_at(block, 0), .type = big_at(block, 4), .sequence = big_at(block, 8)};
}

JournalLog::JournalLog(const ExtFilesystem& filesystem) : filesystem_(filesystem) {
  find_pieces(filesystem);
  read_super();
}

void JournalLog::find_pieces(const ExtFilesystem& filesystem) {
  const std::uint32_t number = filesystem.super().s_journal_inum;
  const ext2_inode inode = read_ext_inode(filesystem, number);
  if (!LINUX_S_ISREG(inode.i_mode) || inode.i_links_count == 0) throw bad_journal();
  InodeWalk walk(filesystem, filesystem.blocks());
  walk.walk(number, inode, [this](const InodeRun& run) {
    if (!run.is_data) return;
    if (!pieces_.empty()) {
      Piece& last = pieces_.back();
      if (run.logical != last.logical + last.length) throw bad_journal();
      if (run.blocks.begin == last.place + last.length) {
        last.length += run.blocks.length;
        return;
      }
    } else if (run.logical != 0) {
      throw bad_journal();
    }
    pieces_.push_back({run.logical, run.blocks.begin, run.blocks.length});
  });
  if (pieces_.empty()) throw bad_journal();
}

void JournalLog::read_super() {
  std::vector<std::byte> bytes(kSuperLength);
  filesystem_.volume().read(VolumeOffset(pieces_.front().place * filesystem_.block_size()), bytes);
  const JournalHeader header = journal_header(bytes);
  if (header.magic != JournalHeader::kMagic ||
      (header.type != JournalHeader::kSuper1 && header.type != JournalHeader::kSuper2))
    throw bad_journal();
  super_.block_size = big_at(bytes, 0x0c);
  super_.blocks = big_at(bytes, 0x10);
  super_.first = big_at(bytes, 0x14);
  super_.sequence = big_at(bytes, 0x18);
  super_.start = big_at(bytes, 0x1c);
  super_.error = big_at(bytes, 0x20);
  if (header.type == JournalHeader::kSuper2) {
    super_.compat = big_at(bytes, 0x24);
    super_.incompat = big_at(bytes, 0x28);
    super_.read_only_compat = big_at(bytes, 0x2c);
    std::copy_n(bytes.begin() + 0x30, super_.uuid.size(), super_.uuid.begin());
  }
  const std::uint64_t blocks = pieces_.back().logical + pieces_.back().length;
  if (super_.block_size != filesystem_.block_size() || super_.blocks > blocks ||
      super_.first == 0 || super_.first >= super_.blocks ||
      (super_.start != 0 && (super_.start < super_.first || super_.start >= super_.blocks)))
    throw bad_journal();
  if (super_.has_checksums()) {
    constexpr std::size_t kChecksum = 0xfc;
    const std::uint32_t said = big_at(bytes, kChecksum);
    std::memset(bytes.data() + kChecksum, 0, sizeof said);
    if (checksum(~0U, bytes) != said)
      throw Kept("the checksum of its journal is wrong", "run e2fsck on it");
  }
}

const JournalLog::Piece& JournalLog::piece_of(std::uint32_t block) const {
  assert(block < super_.blocks);
  const auto behind = std::ranges::upper_bound(pieces_, std::uint64_t{block}, {}, &Piece::logical);
  return *(behind - 1);
}

std::uint64_t JournalLog::place(std::uint32_t block) const {
  const Piece& piece = piece_of(block);
  return piece.place + (block - piece.logical);
}

std::span<const std::byte> JournalLog::read(std::uint32_t block) {
  constexpr std::size_t kMost = std::size_t{256} << 10U;
  const std::size_t size = super_.block_size;
  if (block < buffered_ || block - buffered_ >= buffer_.size() / size) {
    const Piece& piece = piece_of(block);
    const std::uint64_t there =
        std::min<std::uint64_t>(piece.logical + piece.length - block, super_.blocks - block);
    buffer_.resize(std::min<std::uint64_t>(there, std::max<std::size_t>(kMost / size, 1)) * size);
    filesystem_.volume().read(VolumeOffset(place(block) * size), buffer_);
    buffered_ = block;
  }
  return std::span(buffer_).subspan((block - buffered_) * size, size);
}

std::uint32_t JournalLog::checksum(std::uint32_t seed, std::span<const std::byte> bytes) {
  // The library wants to see characters.
  return ext2fs_crc32c_le(seed, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace qcow2stream
