// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "qcow2stream/target.h"
#include "system/rate_limit.h"

namespace qcow2stream {

// A target that is written and read not faster than at a rate. Zeros that are made cost nothing.
class LimitedTarget final : public Target {
 public:
  // `inner` must outlive it.
  LimitedTarget(Target& inner, std::uint64_t bytes_per_second)
      : inner_(inner), limit_(bytes_per_second) {}

  [[nodiscard]] const std::string& name() const override { return inner_.name(); }
  [[nodiscard]] TargetTraits traits() const override { return inner_.traits(); }
  void set_size(std::uint64_t size) override { inner_.set_size(size); }
  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    limit_.take(bytes.size());
    inner_.write(offset, bytes);
  }
  void zero(GuestRange range) override { inner_.zero(range); }
  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    limit_.take(buffer.size());
    inner_.read(offset, buffer);
  }
  [[nodiscard]] std::uint64_t zeros_at(GuestOffset offset) const override {
    return inner_.zeros_at(offset);
  }
  void flush() override { inner_.flush(); }
  void finish() override { inner_.finish(); }
  void drop_cache() override { inner_.drop_cache(); }
  [[nodiscard]] std::optional<std::uint64_t> room() const override { return inner_.room(); }

 private:
  Target& inner_;
  RateLimit limit_;
};

}  // namespace qcow2stream
