// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>

#include <cassert>

#include <utility>

#include "qcow2stream/disk.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

class FirstBytes final : public Disk {
 public:
  FirstBytes(std::shared_ptr<const Disk> whole, std::uint64_t size)
      : whole_(std::move(whole)), size_(size) {}

  [[nodiscard]] const std::string& name() const override { return whole_->name(); }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(GuestOffset offset, std::span<std::byte> buffer) const override {
    assert(offset.value() <= size_ && buffer.size() <= size_ - offset.value());
    whole_->read(offset, buffer);
  }
  [[nodiscard]] DiskTraits traits() const override { return whole_->traits(); }
  [[nodiscard]] std::unique_ptr<RunCursor> runs(GuestRange range) const override {
    return whole_->runs(range);
  }
  [[nodiscard]] Run run_at(GuestRange range) const override { return whole_->run_at(range); }
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override { return whole_->queue(); }
  void will_read(GuestRange range) const noexcept override { whole_->will_read(range); }
  [[nodiscard]] std::optional<DiskStamp> stamp() const override { return whole_->stamp(); }
  void check_unchanged() const override { whole_->check_unchanged(); }
  [[nodiscard]] std::string id_addition() const override { return whole_->id_addition(); }
  [[nodiscard]] std::vector<Caveat> caveats() const override { return whole_->caveats(); }

 private:
  std::shared_ptr<const Disk> whole_;
  std::uint64_t size_;
};

}  // namespace

std::shared_ptr<const Disk> first_bytes(std::shared_ptr<const Disk> disk, std::uint64_t size) {
  if (size == disk->size()) return disk;
  if (size > disk->size()) {
    throw Error(ErrorKind::kFailed, disk->name(), "is too small",
                fmt::format("it has {} bytes, not {}", disk->size(), size));
  }
  return std::make_shared<FirstBytes>(std::move(disk), size);
}

}  // namespace qcow2stream
