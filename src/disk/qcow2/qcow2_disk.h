// SPDX-License-Identifier: GPL-2.0-or-later
//
// A chain of qcow2 images as a Disk.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "disk/qcow2/chain.h"
#include "disk/qcow2/chain_stored.h"
#include "qcow2stream/changes.h"
#include "qcow2stream/disk.h"

namespace qcow2stream {

class Qcow2Disk final : public Disk {
 public:
  // `chain` has one image at least. The topmost gives the disk its name and its size.
  explicit Qcow2Disk(Qcow2Chain chain);

  [[nodiscard]] const std::string& name() const override { return top().file().name(); }
  [[nodiscard]] std::uint64_t size() const override { return top().disk_size(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override;
  [[nodiscard]] DiskTraits traits() const override;
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override;
  [[nodiscard]] Run run_at(GuestRange range) const override;
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override;
  void will_read(GuestRange range) const noexcept override;
  [[nodiscard]] std::optional<DiskStamp> stamp() const override;
  void check_unchanged() const override;
  [[nodiscard]] std::vector<Caveat> caveats() const override;
  [[nodiscard]] const DiskBitmaps* bitmaps() const override { return chain_.bitmaps.get(); }
  [[nodiscard]] const StoredClusters* stored_clusters() const override { return &stored_; }

  [[nodiscard]] const Qcow2Chain& chain() const { return chain_; }

 private:
  [[nodiscard]] const Qcow2Image& top() const { return *chain_.images.front(); }

  Qcow2Chain chain_;
  ChainStored stored_;  // of chain_
};

// Returns what the first `images` of the disk's chain hold themselves.
std::shared_ptr<const Changes> changes_of_top(std::shared_ptr<const Qcow2Disk> disk,
                                              std::size_t images);

}  // namespace qcow2stream
