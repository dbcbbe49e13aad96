// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext_bitmaps.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr const char* kCheckIt = "run e2fsck on it";

}  // namespace

ExtBitmaps::ExtBitmaps(const ExtFilesystem& filesystem, const std::vector<UnitRun>& tables,
                       const JournalContent& journal, const Volume& before)
    : filesystem_(filesystem),
      tables_(tables),
      before_(before),
      copies_(journal.copies),
      ratio_bits_(static_cast<unsigned>(filesystem.get()->cluster_ratio_bits)),
      bits_(filesystem.block_size() / sizeof(std::uint64_t)) {
  std::ranges::sort(copies_, {}, &JournalCopy::home);
}

ExtBitmaps::Group ExtBitmaps::group(dgrp_t number) const {
  const ext2_super_block& super = filesystem_.super();
  const std::uint64_t first =
      super.s_first_data_block + std::uint64_t{number} * super.s_blocks_per_group;
  const std::uint64_t blocks =
      std::min<std::uint64_t>(super.s_blocks_per_group, filesystem_.blocks() - first);
  return {.number = number, .first_block = first, .clusters = blocks >> ratio_bits_};
}

// The tables in a group, as runs of its clusters. Two of them may share a cluster.
std::vector<UnitRun> ExtBitmaps::tables_in(const Group& group) const {
  const std::uint64_t begin = group.first_block;
  const std::uint64_t end = begin + (group.clusters << ratio_bits_);
  std::vector<UnitRun> found;
  for (auto table = std::ranges::upper_bound(tables_, begin, {}, &UnitRun::end);
       table != tables_.end() && table->begin < end; ++table) {
    const std::uint64_t from = (std::max(table->begin, begin) - begin) >> ratio_bits_;
    const std::uint64_t last = (std::min(table->end(), end) - 1 - begin) >> ratio_bits_;
    found.push_back({from, last - from + 1});
  }
  return found;
}

// Many bitmaps stand one behind the other (flex_bg), so they are read by many.
std::span<const std::byte> ExtBitmaps::stored_bitmap(dgrp_t group) {
  constexpr std::size_t kMost = std::size_t{256} << 10U;
  const std::size_t size = filesystem_.block_size();
  const std::uint64_t block = ext2fs_block_bitmap_loc(filesystem_.get(), group);
  if (block < buffered_ || block - buffered_ >= buffer_.size() / size) {
    std::size_t count = 1;
    while (count < kMost / size && group + count < filesystem_.groups() &&
           ext2fs_block_bitmap_loc(filesystem_.get(), static_cast<dgrp_t>(group + count)) ==
               block + count)
      ++count;
    buffer_.resize(count * size);
    filesystem_.volume().read(VolumeOffset(block * size), buffer_);
    buffered_ = block;
  }
  return std::span(buffer_).subspan((block - buffered_) * size, size);
}

void ExtBitmaps::load(const Group& group) {
  struct_ext2_filsys* const fs = filesystem_.get();
  const std::span<const std::byte> stored = stored_bitmap(group.number);
  std::memcpy(bits_.data(), stored.data(), stored.size());
  const std::size_t length = filesystem_.super().s_clusters_per_group / 8;
  // The library wants to see characters, though it does not write.
  if (ext2fs_block_bitmap_csum_verify(fs, group.number, reinterpret_cast<char*>(bits_.data()),
                                      static_cast<int>(length)) == 0)
    throw Kept("the checksum of a block bitmap is wrong", kCheckIt);
  words_from_little(bits_);
  const std::uint64_t all = 8 * stored.size();
  if (count_set(bits_, group.clusters, all) != all - group.clusters)
    throw Kept("a block bitmap is not filled up", kCheckIt);
  check_tables(group);
}

// Nothing is used of such a group but what is the file system's own; its bitmap has never been
// written.
void ExtBitmaps::load_uninitialized(const Group& group) {
  std::ranges::fill(bits_, 0);
  for (const UnitRun& table : tables_in(group)) set_bits(bits_, table.begin, table.end());
}

void ExtBitmaps::check_tables(const Group& group) const {
  for (const UnitRun& table : tables_in(group)) {
    if (count_set(bits_, table.begin, table.end()) != table.length)
      throw Kept("its block bitmaps call its own tables free", kCheckIt);
  }
}

void ExtBitmaps::add_version(std::span<const std::byte> bitmap) {
  std::vector<std::uint64_t> bits(bits_.size());
  std::memcpy(bits.data(), bitmap.data(), bitmap.size());
  words_from_little(bits);
  for (std::size_t i = 0; i < bits.size(); ++i) bits_[i] |= bits[i];
}

// What is on disk without the journal, and each copy that the journal has: whichever of them a
// recovery stops at.
void ExtBitmaps::add_older_versions(const Group& group) {
  const std::uint64_t home = ext2fs_block_bitmap_loc(filesystem_.get(), group.number);
  auto copy = std::ranges::lower_bound(copies_, home, {}, &JournalCopy::home);
  if (copy == copies_.end() || copy->home != home) return;
  std::vector<std::byte> bitmap(filesystem_.block_size());
  before_.read(VolumeOffset(home * bitmap.size()), bitmap);
  add_version(bitmap);
  for (; copy != copies_.end() && copy->home == home; ++copy) {
    read_copy(before_, *copy, bitmap);
    add_version(bitmap);
  }
}

std::uint64_t ExtBitmaps::scan(const Take& take) {
  struct_ext2_filsys* const fs = filesystem_.get();
  std::uint64_t free = 0;
  for (dgrp_t number = 0; number < filesystem_.groups(); ++number) {
    const Group looked_at = group(number);
    const bool uninitialized = ext2fs_bg_flags_test(fs, number, EXT2_BG_BLOCK_UNINIT) != 0;
    if (uninitialized && ext2fs_has_group_desc_csum(fs) == 0)
      throw Kept("a group has a flag that its features do not have", kCheckIt);
    if (uninitialized) {
      load_uninitialized(looked_at);
    } else {
      load(looked_at);
    }
    if (looked_at.clusters - count_set(bits_, 0, looked_at.clusters) !=
        ext2fs_bg_free_blocks_count(fs, number))
      throw Kept("the number of free blocks of a group is not that of its bitmap", kCheckIt);
    add_older_versions(looked_at);
    for_each_clear_run(bits_, looked_at.clusters, [&](UnitRun run) {
      const std::uint64_t length = run.length << ratio_bits_;
      free += length;
      take({looked_at.first_block + (run.begin << ratio_bits_), length});
    });
  }
  return free;
}

}  // namespace qcow2stream
