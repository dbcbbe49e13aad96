// SPDX-License-Identifier: GPL-2.0-or-later
//
// An allocation group of XFS and its two trees of free space.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "filesystems/volume.h"
#include "filesystems/xfs_format.h"

namespace qcow2stream::xfs {

// Blocks of a group.
struct GroupRun {
  std::uint64_t begin = 0;
  std::uint64_t count = 0;
  [[nodiscard]] std::uint64_t end() const { return begin + count; }
};

struct Tree {
  std::uint64_t root = 0;  // a block of the group
  unsigned levels = 0;
};

struct Group {
  std::uint64_t number = 0;
  std::uint64_t blocks = 0;
  Tree by_block;
  Tree by_length;
  std::uint64_t free_blocks = 0;   // in the trees
  std::uint64_t longest = 0;       // of the runs in the trees
  std::uint64_t tree_blocks = 0;   // of the trees, but for their roots, where counts are lazy
  std::uint64_t ready_blocks = 0;  // that are kept ready for trees
  // Where headers, blocks kept ready, roots and the log lie, in order and without overlaps.
  std::vector<GroupRun> reserved;
};

// Reads the headers of a group. Throws Kept where they are damaged.
Group read_group(const Volume& volume, const Superblock& superblock, std::uint64_t number);

// What is free in the group, by its trees: hands each run to `take`, in order. Returns how many
// blocks the trees have, their roots included. Throws Kept where anything does not agree.
std::uint64_t walk_free(const Volume& volume, const Superblock& superblock, const Group& group,
                        const std::function<void(GroupRun)>& take);

}  // namespace qcow2stream::xfs
