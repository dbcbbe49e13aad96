// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include "disk/wrapped_disk.h"
#include "system/rate_limit.h"

namespace qcow2stream {

// A disk that is read not faster than at a rate, which it may share with other disks. What it says
// of itself costs nothing.
class LimitedDisk final : public WrappedDisk {
 public:
  // Both must outlive it.
  LimitedDisk(const Disk& inner, RateLimit& limit) : WrappedDisk(inner), limit_(limit) {}

  void read(GuestOffset offset, std::span<std::byte> buffer) const override;
  [[nodiscard]] std::unique_ptr<RequestQueue> queue() const override;

 private:
  RateLimit& limit_;
};

}  // namespace qcow2stream
