// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/xfs.h"

#include "filesystems/kept.h"
#include "filesystems/xfs_format.h"
#include "filesystems/xfs_group.h"

namespace qcow2stream {
namespace {

// What the superblock counts as free is what the trees hold, what is kept ready for them, and they
// themselves, but for their roots.
class XfsWalk {
 public:
  XfsWalk(const Volume& volume, const xfs::Superblock& superblock, Kinds kinds, FreeRuns& runs)
      : volume_(volume), superblock_(superblock), kinds_(kinds), runs_(runs) {}

  void walk_group(std::uint64_t number) {
    const xfs::Group group = xfs::read_group(volume_, superblock_, number);
    const std::uint64_t begin = superblock_.group_begin(number);
    const std::uint64_t visited =
        xfs::walk_free(volume_, superblock_, group, [&](xfs::GroupRun run) {
          if (!kinds_.free) return;
          runs_.add({VolumeOffset(begin + run.begin * superblock_.block_size),
                     run.count * superblock_.block_size},
                    LeftOutKind::kFree);
        });
    constexpr std::uint64_t kRoots = 2;
    free_ += group.free_blocks;
    counted_ += group.free_blocks + group.ready_blocks;
    counted_ += superblock_.has_lazy_counts ? group.tree_blocks : visited - kRoots;
  }
  // In blocks.
  [[nodiscard]] std::uint64_t free_blocks() const { return free_; }
  [[nodiscard]] std::uint64_t counted_blocks() const { return counted_; }

 private:
  const Volume& volume_;
  const xfs::Superblock& superblock_;
  Kinds kinds_;
  FreeRuns& runs_;
  std::uint64_t free_ = 0;
  std::uint64_t counted_ = 0;
};

void examine_known(const Volume& volume, const xfs::Superblock& superblock, Kinds kinds,
                   FreeRuns& runs, Finding& finding) {
  // What the superblock says, until the groups have said more.
  const std::uint64_t size = superblock.blocks * superblock.block_size;
  if (superblock.free_blocks <= superblock.blocks) {
    finding.free = superblock.free_blocks * superblock.block_size;
    finding.used = size - finding.free;
  }
  const xfs::LogState log = xfs::check_log(volume, superblock);
  XfsWalk walk(volume, superblock, kinds, runs);
  for (std::uint64_t group = 0; group < superblock.groups; ++group) walk.walk_group(group);
  finding.free = walk.free_blocks() * superblock.block_size;
  finding.used = size - finding.free;
  // One that is frozen has blocks set aside.
  if (log == xfs::LogState::kUnmounted && walk.counted_blocks() != superblock.free_blocks) {
    throw Kept("its count of free blocks does not agree with its trees", "run xfs_repair on it");
  }
}

}  // namespace

Finding examine_xfs(const Volume& volume, Kinds kinds, FreeRuns& runs) {
  Finding finding;
  finding.format = "xfs";
  try {
    const xfs::Superblock superblock = xfs::read_superblock(volume);
    finding.name = superblock.label;
    finding.block_size = superblock.block_size;
    examine_known(volume, superblock, kinds, runs, finding);
  } catch (const Kept& kept) {
    finding.kept_because = kept.because();
    finding.remedy = kept.remedy();
  }
  return finding;
}

}  // namespace qcow2stream
