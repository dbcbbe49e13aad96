// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ext_superblock.h"

#include <algorithm>
#include <span>

#include "base/bits.h"
#include "filesystems/kept.h"
#include "filesystems/volume_name.h"

namespace qcow2stream {
namespace {

// What the bitmaps mean with these, and who else owns blocks, is known. Not among them: compression
// (e2compr), dirdata (Lustre), snapshots of Next3, replicas, shared blocks.
constexpr std::uint32_t kKnownCompat =
    EXT2_FEATURE_COMPAT_DIR_PREALLOC | EXT2_FEATURE_COMPAT_IMAGIC_INODES |
    EXT3_FEATURE_COMPAT_HAS_JOURNAL | EXT2_FEATURE_COMPAT_EXT_ATTR |
    EXT2_FEATURE_COMPAT_RESIZE_INODE | EXT2_FEATURE_COMPAT_DIR_INDEX |
    EXT4_FEATURE_COMPAT_SPARSE_SUPER2 | EXT4_FEATURE_COMPAT_FAST_COMMIT |
    EXT4_FEATURE_COMPAT_STABLE_INODES | EXT4_FEATURE_COMPAT_ORPHAN_FILE;
constexpr std::uint32_t kKnownIncompat =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT2_FEATURE_INCOMPAT_META_BG |
    EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT | EXT4_FEATURE_INCOMPAT_MMP |
    EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_EA_INODE |
    EXT4_FEATURE_INCOMPAT_CSUM_SEED | EXT4_FEATURE_INCOMPAT_LARGEDIR |
    EXT4_FEATURE_INCOMPAT_INLINE_DATA | EXT4_FEATURE_INCOMPAT_ENCRYPT |
    EXT4_FEATURE_INCOMPAT_CASEFOLD;
constexpr std::uint32_t kKnownReadOnlyCompat =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
    EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
    EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
    EXT4_FEATURE_RO_COMPAT_QUOTA | EXT4_FEATURE_RO_COMPAT_BIGALLOC |
    EXT4_FEATURE_RO_COMPAT_METADATA_CSUM | EXT4_FEATURE_RO_COMPAT_READONLY |
    EXT4_FEATURE_RO_COMPAT_PROJECT | EXT4_FEATURE_RO_COMPAT_VERITY |
    EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT;

// What ext3 has, and so ext4 has more.
constexpr std::uint32_t kExt3Incompat =
    EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_RECOVER | EXT2_FEATURE_INCOMPAT_META_BG;
constexpr std::uint32_t kExt3ReadOnlyCompat =
    EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE;

// Their descriptors take 256 MiB of memory, and with the usual groups they are 512 TiB.
constexpr std::uint64_t kMostGroups = std::uint64_t{1} << 22;

constexpr const char* kCheck = "run e2fsck on it";

Kept bad_superblock() {
  return Kept("its superblock makes no sense", kCheck);
}

// The upper half of a number counts only with the feature for more than 2^32 blocks.
std::uint64_t wide_number(const ext2_super_block& super, std::uint32_t low, std::uint32_t high) {
  const bool is_64bit = (super.s_feature_incompat & EXT4_FEATURE_INCOMPAT_64BIT) != 0;
  return low | (is_64bit ? std::uint64_t{high} << 32U : std::uint64_t{0});
}

void check_state(const ext2_super_block& super) {
  const bool recover = ext_needs_recovery(super);
  if ((super.s_state & EXT2_ERROR_FS) != 0 || super.s_error_count != 0)
    throw Kept("errors have been found in it", kCheck);
  if ((super.s_state & (EXT3_ORPHAN_FS | EXT4_FC_REPLAY)) != 0)
    throw Kept("its recovery has not come to an end", "mount it once and unmount it");
  if ((super.s_state & EXT2_VALID_FS) == 0)
    throw Kept("it was not unmounted", "unmount it, or run e2fsck on it");
  if ((super.s_state & ~EXT2_VALID_FS) != 0) throw Kept("its state is not known", kCheck);
  // While it is mounted it may have files that are deleted but open. Their blocks are used in all
  // bitmaps until a transaction frees them.
  const bool orphans = super.s_last_orphan != 0 ||
                       (super.s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_ORPHAN_PRESENT) != 0;
  if (orphans && !recover)
    throw Kept("it has files that are to be deleted", "mount it once and unmount it");
  if (recover && (super.s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) == 0)
    throw Kept("its journal is missing", kCheck);
  if (recover && (super.s_feature_compat & EXT4_FEATURE_COMPAT_FAST_COMMIT) != 0)
    throw Kept("its journal has fast commits and has not been replayed",
               "unmount it, or mount it once and unmount it");
}

void check_features(const ext2_super_block& super) {
  if (super.s_rev_level > EXT2_DYNAMIC_REV) throw Kept("its revision is not known");
  if (super.s_rev_level == EXT2_GOOD_OLD_REV &&
      (super.s_feature_compat | super.s_feature_incompat | super.s_feature_ro_compat) != 0)
    throw Kept("it has features that its revision has not", kCheck);
  if (super.s_creator_os != EXT2_OS_LINUX) throw Kept("it is not one of Linux");
  if ((super.s_feature_compat & ~kKnownCompat) != 0 ||
      (super.s_feature_incompat & ~kKnownIncompat) != 0 ||
      (super.s_feature_ro_compat & ~kKnownReadOnlyCompat) != 0)
    throw Kept("it has features that are not known");
}

void check_geometry(const ext2_super_block& super, std::uint64_t volume_size) {
  if (super.s_log_block_size > 6) throw bad_superblock();
  const std::uint64_t block_size = std::uint64_t{1024} << super.s_log_block_size;
  const std::uint64_t blocks = ext_blocks(super);
  if (blocks == 0) throw bad_superblock();
  if (blocks > volume_size / block_size) throw Kept("it is larger than its partition or disk");

  const bool bigalloc = (super.s_feature_ro_compat & EXT4_FEATURE_RO_COMPAT_BIGALLOC) != 0;
  if (super.s_log_cluster_size < super.s_log_block_size || super.s_log_cluster_size > 19 ||
      (!bigalloc && super.s_log_cluster_size != super.s_log_block_size))
    throw bad_superblock();
  const unsigned ratio_bits = super.s_log_cluster_size - super.s_log_block_size;
  if (blocks % (std::uint64_t{1} << ratio_bits) != 0) throw bad_superblock();
  if (super.s_first_data_block != (block_size == 1024 && !bigalloc ? 1U : 0U))
    throw bad_superblock();

  const std::uint64_t clusters_per_group = super.s_clusters_per_group;
  if (clusters_per_group == 0 || clusters_per_group % 8 != 0 || clusters_per_group > 8 * block_size)
    throw bad_superblock();
  if (super.s_blocks_per_group != clusters_per_group << ratio_bits) throw bad_superblock();
  if (div_up(blocks, super.s_blocks_per_group) > kMostGroups)
    throw Kept("it has more groups than are looked at");
  if (super.s_inodes_per_group == 0 || super.s_inodes_per_group % 8 != 0 ||
      super.s_inodes_per_group > 8 * block_size)
    throw bad_superblock();
}

}  // namespace

ext2_super_block read_ext_superblock(const Volume& volume) {
  constexpr std::uint64_t kAt = 1024;
  static_assert(sizeof(ext2_super_block) == 1024);
  if (volume.size() < kAt + sizeof(ext2_super_block)) throw Kept("it has no superblock");
  ext2_super_block super{};
  volume.read(VolumeOffset(kAt), std::as_writable_bytes(std::span(&super, 1)));
  if (super.s_magic != EXT2_SUPER_MAGIC) throw Kept("it has no superblock");
  return super;
}

std::string ext_format(const ext2_super_block& super) {
  if ((super.s_feature_incompat & ~kExt3Incompat) != 0 ||
      (super.s_feature_ro_compat & ~kExt3ReadOnlyCompat) != 0)
    return "ext4";
  return (super.s_feature_compat & EXT3_FEATURE_COMPAT_HAS_JOURNAL) != 0 ? "ext3" : "ext2";
}

std::string ext_name(const ext2_super_block& super) {
  const std::span label(super.s_volume_name);
  const auto end = std::ranges::find(label, 0);
  if (end == label.begin()) return uuid_text(std::as_bytes(std::span(super.s_uuid)));
  return printable_name(std::string(label.begin(), end));
}

std::uint64_t ext_blocks(const ext2_super_block& super) {
  return wide_number(super, super.s_blocks_count, super.s_blocks_count_hi);
}

std::uint64_t ext_free_blocks(const ext2_super_block& super) {
  return wide_number(super, super.s_free_blocks_count, super.s_free_blocks_hi);
}

bool ext_needs_recovery(const ext2_super_block& super) {
  return (super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_RECOVER) != 0;
}

void check_ext_superblock(const ext2_super_block& super, std::uint64_t volume_size) {
  if ((super.s_feature_incompat & EXT3_FEATURE_INCOMPAT_JOURNAL_DEV) != 0)
    throw Kept("it is the journal of another file system");
  check_features(super);
  check_state(super);
  check_geometry(super, volume_size);
}

}  // namespace qcow2stream
