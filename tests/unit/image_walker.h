// SPDX-License-Identifier: GPL-2.0-or-later
//
// A reader of images of our own, as simple as can be: follows the tables, counts what they use, and
// throws std::runtime_error where something contradicts the specification. For any framework.

#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "base/endian.h"
#include "base/zero.h"
#include "qcow2/entries.h"
#include "qcow2/header.h"
#include "qcow2/refcounts.h"

namespace qcow2stream::testing {

class ImageWalker {
 public:
  // `bytes` are those of the image, at least all before its data clusters; the image has
  // `image_size`.
  ImageWalker(std::span<const std::byte> bytes, std::uint64_t image_size)
      : bytes_(bytes),
        image_size_(image_size),
        header_(qcow2::decode_header(bytes)),
        used_(geometry().clusters_for(image_size)) {}

  [[nodiscard]] const qcow2::Header& header() const { return header_; }

  // Calls visit(cluster, entry, subclusters) for each L2 entry that is not 0; `subclusters` is the
  // second word of an extended one.
  template <class Visit>
  void walk(const Visit& visit) {
    use(HostOffset(0), 1);
    use(header_.refcount_table_offset, header_.refcount_table_clusters);
    use(header_.l1_offset, geometry().clusters_for(header_.l1_entries * 8));
    for (std::uint64_t i = 0; i < header_.l1_entries; ++i) {
      const std::uint64_t l1 = word(header_.l1_offset, i);
      if (l1 == 0) continue;
      expect(l1 == qcow2::encode_entry(qcow2::entry_offset(l1)), "L1 entry", i, l1);
      use(qcow2::entry_offset(l1), 1);
      walk_table(i, qcow2::entry_offset(l1), visit);
    }
    check_copied();
  }

  // After walk(): what the refcounts say is what the tables use, to the last entry of the last
  // block, and no cluster of the image is unused.
  void check_refcounts() {
    const std::uint64_t blocks = header_.refcount_table_clusters * geometry().cluster_size() / 8;
    for (std::uint64_t b = 0; b < blocks; ++b) {
      const std::uint64_t offset = word(header_.refcount_table_offset, b);
      if (offset != 0) use(HostOffset(offset), 1);
    }
    for (std::uint64_t b = 0; b < blocks; ++b) {
      const std::uint64_t offset = word(header_.refcount_table_offset, b);
      if (offset != 0) check_block(b, offset);
    }
    expect(counted_ == used_.size(), "clusters counted", counted_, used_.size());
  }

 private:
  static void expect(bool good, const char* what, std::uint64_t a, std::uint64_t b) {
    if (!good) throw std::runtime_error(fmt::format("{}: {:#x}, {:#x}", what, a, b));
  }

  [[nodiscard]] const qcow2::Geometry& geometry() const { return header_.geometry; }

  [[nodiscard]] std::uint64_t word(HostOffset table, std::uint64_t index) const {
    const std::uint64_t at = table.value() + index * 8;
    expect(at + 8 <= bytes_.size(), "table", at, bytes_.size());
    return load_big<std::uint64_t>(&bytes_[at]);
  }

  void use(HostOffset offset, ClusterCount clusters) {
    const std::uint64_t first = geometry().cluster(offset).value();
    expect(first + clusters <= used_.size(), "past the end", first, clusters);
    for (std::uint64_t i = first; i < first + clusters; ++i) ++used_[i];
  }

  template <class Visit>
  void walk_table(std::uint64_t l1_index, HostOffset table, const Visit& visit) {
    const std::uint64_t words = geometry().l2_entry_size() / 8;
    for (std::uint64_t k = 0; k < geometry().l2_entries(); ++k) {
      const std::uint64_t entry = word(table, k * words);
      const std::uint64_t subclusters = words == 2 ? word(table, k * words + 1) : 0;
      if (entry == 0 && subclusters == 0) continue;
      const GuestCluster cluster(l1_index * geometry().l2_entries() + k);
      expect(cluster.value() < geometry().clusters_for(header_.virtual_size), "cluster", k, entry);
      use_entry(cluster, entry, subclusters);
      visit(cluster, entry, subclusters);
    }
  }

  void use_entry(GuestCluster cluster, std::uint64_t entry, std::uint64_t subclusters) {
    if ((entry & qcow2::kCompressedFlag) != 0) {
      expect((entry & qcow2::kCopied) == 0 && subclusters == 0, "compressed", entry, subclusters);
      const HostRange range = qcow2::decode_compressed_entry(entry, geometry().cluster_bits);
      expect(range.end().value() <= image_size_, "compressed end", entry, image_size_);
      const HostCluster first = geometry().cluster(range.begin);
      use(range.begin, geometry().cluster(range.end() - 1) - first + 1);
      return;
    }
    const HostOffset offset = qcow2::entry_offset(entry);
    const std::uint64_t flags = entry & ~qcow2::kOffsetMask & ~qcow2::kCopied;
    const bool may_be_zero = geometry().version >= 3 && !geometry().extended_l2;
    expect(flags == 0 || (flags == qcow2::kZeroEntry && may_be_zero), "flags", entry, flags);
    expect(offset.value() % geometry().cluster_size() == 0, "alignment", entry, cluster.value());
    if (header_.data_file_name) {
      expect(geometry().offset(cluster).value() == offset.value(), "data file", entry, 0);
    } else if (offset != HostOffset(0)) {
      use(offset, 1);
      // More than one may point to it, and then none may say otherwise.
      pointers_.push_back({geometry().cluster(offset).value(), (entry & qcow2::kCopied) != 0});
    } else {
      expect((entry & qcow2::kCopied) == 0, "nothing", entry, subclusters);
    }
  }

  void check_copied() const {
    for (const auto& [cluster, copied] : pointers_) {
      expect(copied == (used_[cluster] == 1), "copied flag", cluster, used_[cluster]);
    }
  }

  void check_block(std::uint64_t number, std::uint64_t offset) {
    expect(offset + geometry().cluster_size() <= bytes_.size(), "refcount block", number, offset);
    const auto block = bytes_.subspan(offset, geometry().cluster_size());
    const std::uint64_t first = number * geometry().refcounts_per_block();
    for (std::uint64_t i = 0; i < geometry().refcounts_per_block(); ++i) {
      // Behind the image: up to 16 million of one bit each.
      if (first + i >= used_.size() && i % 8 == 0) {
        const auto rest = block.subspan((i << geometry().refcount_order) / 8);
        expect(is_zero(rest), "refcounts behind the end", first + i, rest.size());
        return;
      }
      const auto count = qcow2::refcount_at(block, geometry().refcount_order, i);
      const std::uint64_t used = first + i < used_.size() ? used_[first + i] : 0;
      expect(count == used, "refcount", first + i, count);
      counted_ += count != 0 ? 1 : 0;
    }
  }

  struct Pointer {
    std::uint64_t cluster;
    bool copied;
  };

  std::span<const std::byte> bytes_;
  std::uint64_t image_size_;
  qcow2::Header header_;
  std::vector<std::uint64_t> used_;  // references to each cluster of the image
  std::vector<Pointer> pointers_;
  ClusterCount counted_ = 0;
};

}  // namespace qcow2stream::testing
