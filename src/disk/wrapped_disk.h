// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "qcow2stream/disk.h"

namespace qcow2stream {

// A disk that does what the one inside it does, but for what a class that is made of it does
// itself.
class WrappedDisk : public Disk {
 public:
  // `inner` must outlive it.
  explicit WrappedDisk(const Disk& inner) : inner_(inner) {}

  [[nodiscard]] const std::string& name() const override { return inner_.name(); }
  [[nodiscard]] std::uint64_t size() const override { return inner_.size(); }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    inner_.read(offset, buffer);
  }
  [[nodiscard]] DiskTraits traits() const override { return inner_.traits(); }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    return inner_.runs(range);
  }
  [[nodiscard]] Run run_at(GuestRange range) const override { return inner_.run_at(range); }
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override { return inner_.queue(); }
  void will_read(GuestRange range) const noexcept override { inner_.will_read(range); }
  [[nodiscard]] std::optional<DiskStamp> stamp() const override { return inner_.stamp(); }
  void check_unchanged() const override { inner_.check_unchanged(); }
  [[nodiscard]] const StoredClusters* stored_clusters() const override {
    return inner_.stored_clusters();
  }
  [[nodiscard]] const DiskBitmaps* bitmaps() const override { return inner_.bitmaps(); }
  [[nodiscard]] std::string id_addition() const override { return inner_.id_addition(); }
  [[nodiscard]] std::vector<Caveat> caveats() const override { return inner_.caveats(); }

 private:
  const Disk& inner_;
};

}  // namespace qcow2stream
