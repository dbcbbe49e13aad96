// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <memory>
#include <utility>

#include "qcow2stream/sink.h"

namespace qcow2stream::cli {

// A sink that does what the one inside it does, but for what a class that is made of it does
// itself.
class WrappedSink : public Sink {
 public:
  explicit WrappedSink(std::unique_ptr<Sink> inner) : inner_(std::move(inner)) {}

  [[nodiscard]] const std::string& name() const override { return inner_->name(); }
  void check(std::uint64_t length, bool flush) const override { inner_->check(length, flush); }
  [[nodiscard]] bool wants_image_id() const override { return inner_->wants_image_id(); }
  void begin(const Announcement& announcement) override { inner_->begin(announcement); }
  std::size_t write(std::span<const std::byte> bytes) override { return inner_->write(bytes); }
  std::uint64_t transfer(const Place& from, std::uint64_t length) override {
    return inner_->transfer(from, length);
  }
  [[nodiscard]] std::string_view method() const override { return inner_->method(); }
  [[nodiscard]] std::uint64_t queue_size() const override { return inner_->queue_size(); }
  void wait_until_taken(std::uint64_t copied) override { inner_->wait_until_taken(copied); }
  void flush() override { inner_->flush(); }
  void finish() override { inner_->finish(); }

 private:
  std::unique_ptr<Sink> inner_;
};

}  // namespace qcow2stream::cli
