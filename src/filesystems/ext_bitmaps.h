// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the block bitmaps of an ext file system call free.

#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "filesystems/ext_io.h"
#include "filesystems/ext_journal.h"
#include "filesystems/unit_runs.h"

namespace qcow2stream {

class ExtBitmaps {
 public:
  // Takes runs of blocks that are free, in order.
  using Take = std::function<void(UnitRun)>;

  // `tables` are those of ext_tables(). If a journal is given, `filesystem` is one that it has been
  // replayed over, and `before` is the volume without that. All must outlive the object.
  ExtBitmaps(const ExtFilesystem& filesystem, const std::vector<UnitRun>& tables,
             const JournalContent& journal, const Volume& before);

  // Throws Kept if bitmaps, checksums, counts and tables do not agree. Returns the number of free
  // blocks.
  std::uint64_t scan(const Take& take);

 private:
  struct Group {
    dgrp_t number = 0;
    std::uint64_t first_block = 0;
    std::uint64_t clusters = 0;
  };

  [[nodiscard]] Group group(dgrp_t number) const;
  void load(const Group& group);
  void load_uninitialized(const Group& group);
  std::span<const std::byte> stored_bitmap(dgrp_t group);
  void check_tables(const Group& group) const;
  void add_older_versions(const Group& group);
  void add_version(std::span<const std::byte> bitmap);
  [[nodiscard]] std::vector<UnitRun> tables_in(const Group& group) const;

  const ExtFilesystem& filesystem_;
  const std::vector<UnitRun>& tables_;
  const Volume& before_;
  std::vector<JournalCopy> copies_;  // by home
  unsigned ratio_bits_;              // a cluster is 1 << ratio_bits_ blocks
  std::vector<std::uint64_t> bits_;  // of the group that is looked at; a bit a cluster
  std::vector<std::byte> buffer_;    // bitmaps that stand one behind the other
  std::uint64_t buffered_ = 0;       // the block of the first of them
};

}  // namespace qcow2stream
