// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/limited_disk.h"

#include <utility>

namespace qcow2stream {
namespace {

class LimitedQueue final : public RequestQueue {
 public:
  LimitedQueue(std::unique_ptr<RequestQueue> inner, RateLimit& limit)
      : inner_(std::move(inner)), limit_(limit) {}

  void submit(GuestOffset offset, std::span<std::byte> buffer, std::uint64_t tag) override {
    limit_.take(buffer.size());
    inner_->submit(offset, buffer, tag);
  }
  void submit_probe(GuestRange cluster, std::span<std::byte> buffer, std::uint64_t tag) override {
    limit_.take(buffer.size());
    inner_->submit_probe(cluster, buffer, tag);
  }
  std::uint64_t wait() override { return inner_->wait(); }

 private:
  std::unique_ptr<RequestQueue> inner_;
  RateLimit& limit_;
};

}  // namespace

void LimitedDisk::read(GuestOffset offset, std::span<std::byte> buffer) const {
  limit_.take(buffer.size());
  WrappedDisk::read(offset, buffer);
}

std::unique_ptr<RequestQueue> LimitedDisk::queue() const {
  return std::make_unique<LimitedQueue>(WrappedDisk::queue(), limit_);
}

}  // namespace qcow2stream
