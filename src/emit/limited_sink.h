// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "qcow2stream/sink.h"
#include "system/rate_limit.h"

namespace qcow2stream {

// A sink that takes bytes not faster than at a rate.
class LimitedSink final : public Sink {
 public:
  // `inner` must outlive it.
  LimitedSink(Sink& inner, std::uint64_t bytes_per_second)
      : inner_(inner),
        limit_(bytes_per_second),
        most_(std::clamp(bytes_per_second / kPiecesPerSecond, kLeast, kMost)) {}

  [[nodiscard]] const std::string& name() const override { return inner_.name(); }
  void check(std::uint64_t length, bool flush) const override { inner_.check(length, flush); }
  [[nodiscard]] bool wants_image_id() const override { return inner_.wants_image_id(); }
  void begin(const Announcement& announcement) override { inner_.begin(announcement); }
  std::size_t write(std::span<const std::byte> bytes) override {
    const std::size_t n = inner_.write(bytes.first(std::min<std::size_t>(bytes.size(), most_)));
    limit_.take(n);
    return n;
  }
  std::uint64_t transfer(const Place& from, std::uint64_t length) override {
    const std::uint64_t n = inner_.transfer(from, std::min(length, most_));
    limit_.take(n);
    return n;
  }
  [[nodiscard]] std::string_view method() const override { return inner_.method(); }
  [[nodiscard]] std::uint64_t queue_size() const override { return inner_.queue_size(); }
  void wait_until_taken(std::uint64_t copied) override { inner_.wait_until_taken(copied); }
  void flush() override { inner_.flush(); }
  void finish() override { inner_.finish(); }

 private:
  // What goes at once: little enough for a receiver to see a stream, and enough to cost no time.
  static constexpr std::uint64_t kPiecesPerSecond = 16;
  static constexpr std::uint64_t kLeast = 4 << 10;
  static constexpr std::uint64_t kMost = 1 << 20;

  Sink& inner_;
  RateLimit limit_;
  const std::uint64_t most_;
};

}  // namespace qcow2stream
