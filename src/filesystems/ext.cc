// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <new>
#include <vector>

#include "filesystems/ext_bitmaps.h"
#include "filesystems/ext_io.h"
#include "filesystems/ext_journal.h"
#include "filesystems/ext_superblock.h"
#include "filesystems/ext_tables.h"
#include "filesystems/ext_witness.h"
#include "filesystems/kept.h"
#include "filesystems/unit_runs.h"

namespace qcow2stream {
namespace {

// A file system as it is, or as it will be when its journal has been replayed.
class ExtState {
 public:
  explicit ExtState(const Volume& volume);

  [[nodiscard]] const ExtFilesystem& filesystem() const {
    return replayed_ ? *replayed_ : *as_it_is_;
  }
  [[nodiscard]] const JournalContent& journal() const { return journal_; }
  [[nodiscard]] bool needs_recovery() const { return needs_recovery_; }

 private:
  bool needs_recovery_;
  std::unique_ptr<ExtFilesystem> as_it_is_;
  JournalContent journal_;
  std::unique_ptr<ReplayedVolume> replayed_volume_;
  std::unique_ptr<ExtFilesystem> replayed_;
};

ExtState::ExtState(const Volume& volume)
    : needs_recovery_(ext_needs_recovery(read_ext_superblock(volume))),
      as_it_is_(std::make_unique<ExtFilesystem>(volume)),
      journal_(read_ext_journal(*as_it_is_)) {
  check_ext_mount_protection(*as_it_is_, needs_recovery_);
  if (journal_.copies.empty()) return;
  replayed_volume_ = std::make_unique<ReplayedVolume>(volume, as_it_is_->block_size(), journal_);
  check_ext_superblock(read_ext_superblock(*replayed_volume_), volume.size());
  replayed_ = std::make_unique<ExtFilesystem>(*replayed_volume_);
  check_same_tables(*as_it_is_, *replayed_);
}

void examine_free_blocks(const Volume& volume, FreeRuns& runs, Finding& finding) {
  const ExtState state(volume);
  const ExtFilesystem& filesystem = state.filesystem();
  const std::vector<UnitRun> tables = ext_tables(filesystem);
  const std::uint64_t block_size = filesystem.block_size();
  const bool needs_witness = !filesystem.has_metadata_checksums();
  RunList found;
  UnitRun pending;
  const auto hand_over = [&] {
    if (pending.length == 0) return;
    runs.add({VolumeOffset(pending.begin * block_size), pending.length * block_size},
             LeftOutKind::kFree);
  };
  ExtBitmaps bitmaps(filesystem, tables, state.journal(), volume);
  const std::uint64_t free = bitmaps.scan([&](UnitRun run) {
    if (needs_witness) found.append(run);
    if (pending.end() == run.begin && pending.length > 0) {
      pending.length += run.length;
      return;
    }
    hand_over();
    pending = run;
  });
  hand_over();
  finding.free = free * block_size;
  finding.used = (filesystem.blocks() - free) * block_size;
  // While it is mounted, the superblock's count is not kept up to date.
  if (!state.needs_recovery() && free != ext2fs_free_blocks_count(filesystem.get()->super))
    throw Kept("the number of free blocks in its superblock is not that of its bitmaps",
               "run e2fsck on it");
  if (needs_witness) check_ext_inodes(filesystem, found, filesystem.blocks() - free);
}

// What the superblock says, which has been checked, until the bitmaps say more.
void tell_counts(const ext2_super_block& super, Finding& finding) {
  const std::uint64_t blocks = ext_blocks(super);
  const std::uint64_t free = std::min(ext_free_blocks(super), blocks);
  finding.block_size = std::uint64_t{1024} << super.s_log_block_size;
  finding.free = free * finding.block_size;
  finding.used = (blocks - free) * finding.block_size;
}

}  // namespace

Finding examine_ext(const Volume& volume, Kinds kinds, FreeRuns& runs) {
  Finding finding;
  finding.format = "ext4";
  try {
    if constexpr (std::endian::native == std::endian::big)
      throw Kept("it is not examined on a big-endian machine");
    const ext2_super_block super = read_ext_superblock(volume);
    finding.format = ext_format(super);
    finding.name = ext_name(super);
    check_ext_superblock(super, volume.size());
    tell_counts(super, finding);
    if (kinds.free) examine_free_blocks(volume, runs, finding);
  } catch (const Kept& kept) {
    finding.kept_because = kept.because();
    finding.remedy = kept.remedy();
  } catch (const std::bad_alloc&) {
    finding.kept_because = "there is too little memory to examine it";
  }
  return finding;
}

}  // namespace qcow2stream
