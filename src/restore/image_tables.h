// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reads the tables of an image as they arrive, and says what they refer to (specification:
// "Cluster mapping", "Host cluster management").

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2stream/types.h"
#include "restore/references.h"
#include "restore/restored_content.h"

namespace qcow2stream {

// Belongs to one thread. Throws Error{kDamaged} for what QEMU refuses to read, too.
class ImageTables {
 public:
  // `refer` is called with each reference, and `content` with what needs no bytes of the image.
  // Both must outlive it; so must `header`. `for_counts`: it matters what refers to which cluster.
  // So references have claims, tables behind the end of the disk are read, too, and bits that must
  // be zeros are damage.
  ImageTables(const qcow2::Header& header, std::string name, RestoredContent& content,
              std::function<void(const Reference&)> refer, bool for_counts = false);

  // What the header says: where the tables lie, and what no table speaks of.
  void begin();

  // Reads what came of a table that `reference` is for: `bytes` from `at` of the image on, both
  // multiples of 16, in their order.
  void read(const Reference& reference, HostOffset at, std::span<const std::byte> bytes);

  // What the table or the bytes that `reference` is for would have said from `from` of the image
  // on, will not come, or cannot be used.
  void lose(const Reference& reference, HostOffset from, const std::string& reason);

  // Whether all that the tables say of the disk is known.
  [[nodiscard]] bool are_complete() const { return l1_left_ == 0 && l2_left_ == 0; }

  // How much of the disk an L2 table maps.
  [[nodiscard]] std::uint64_t table_reach() const;

 private:
  void begin_l1();
  void read_l1(std::uint64_t index, std::span<const std::byte> bytes);
  void read_l2(const Reference& reference, HostOffset at, std::span<const std::byte> bytes);
  void read_refcount_table(std::uint64_t index, std::span<const std::byte> bytes);
  void refer_to_cluster(GuestRange range, std::uint64_t entry, HostOffset at);
  void refer_to_subclusters(GuestRange range, std::uint64_t entry, std::uint64_t bits,
                            HostOffset at);
  void refer_to_compressed(GuestRange range, std::uint64_t entry);
  void refer_behind_disk(std::uint64_t entry);
  void reserve(std::uint64_t entry);
  void check_strictly(std::uint64_t entry, std::uint64_t bits, HostOffset at) const;
  [[nodiscard]] Reference::Claim claim_of(std::uint64_t entry) const;
  [[nodiscard]] bool is_amid_another(std::uint64_t entry) const;
  [[nodiscard]] GuestRange range_of(const Reference& reference, HostOffset from) const;
  [[nodiscard]] GuestRange of_disk(std::uint64_t begin, std::uint64_t end) const;
  void unallocated(GuestRange range);

  const qcow2::Header& header_;
  const qcow2::Geometry& geometry_;
  std::string name_;
  RestoredContent& content_;
  std::function<void(const Reference&)> refer_;
  bool for_counts_;
  std::uint64_t l1_used_;      // entries that the disk needs, and that there are
  std::uint64_t l1_read_;      // entries that are looked at
  std::uint64_t l1_left_;      // of them, to be read
  std::uint64_t l2_left_ = 0;  // tables, to be read
};

}  // namespace qcow2stream
