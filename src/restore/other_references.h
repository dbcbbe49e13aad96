// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "qcow2/bitmaps.h"
#include "qcow2/header.h"
#include "qcow2/snapshots.h"
#include "qcow2stream/types.h"
#include "restore/reference_counts.h"

namespace qcow2stream {

// What refers to clusters of an image besides its disk: internal snapshots, and persistent dirty
// bitmaps (specification: "Snapshots", "Bitmaps").
class OtherReferences {
 public:
  // Fills `buffer` with what the image has from `at` on, which lies in it. Returns false if that is
  // not to be had any more.
  using Read = std::function<bool(HostOffset at, std::span<std::byte> buffer)>;

  // The image has `length` bytes. `header` and `counts` must outlive it.
  OtherReferences(const qcow2::Header& header, std::string name, std::uint64_t length, Read read,
                  ReferenceCounts& counts);

  // Tells the counts of all of them. Reads each table once, however many snapshots share it, and
  // takes two bytes of memory for each cluster of an image with snapshots. Returns false if
  // something is not to be had. Throws Error{kDamaged} for what makes no sense.
  bool count();

 private:
  bool count_snapshots();
  bool count_bitmaps();
  void check_l1(const qcow2::Snapshot& snapshot) const;
  // `l2_tables`: for each cluster, how many entries name it as an L2 table.
  void count_l1_entry(std::uint64_t entry, HostOffset at, std::uint64_t times,
                      std::vector<std::uint16_t>& l2_tables) const;
  bool count_l2(HostOffset table, std::uint64_t times);
  void count_cluster(std::uint64_t entry, HostOffset at, std::uint64_t times);
  void check_lies_in_image(HostRange range) const;
  template <class Use>
  bool count_tables(const std::vector<HostRange>& tables, const Use& use);
  bool read(HostOffset at, std::span<std::byte> buffer) const;
  template <class Use>
  bool for_each_entry(HostRange table, std::uint64_t entry_size, const Use& use) const;

  const qcow2::Header& header_;
  const qcow2::Geometry& geometry_;
  std::string name_;
  std::uint64_t length_;
  Read read_;
  ReferenceCounts& counts_;
};

}  // namespace qcow2stream
