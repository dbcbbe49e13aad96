// SPDX-License-Identifier: GPL-2.0-or-later
//
// Numbers and texts one after the other in bytes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace qcow2stream::confined {

// What does not fit any more is left out, and is_complete() says so.
class FieldWriter {
 public:
  explicit FieldWriter(std::span<std::byte> out) : out_(out) {}

  void number(std::uint64_t value) { bytes(std::as_bytes(std::span(&value, 1))); }
  void text(std::string_view text) {
    number(text.size());
    bytes(std::as_bytes(std::span(text)));
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool is_complete() const { return fits_; }

 private:
  void bytes(std::span<const std::byte> bytes) {
    fits_ = fits_ && bytes.size() <= out_.size() - size_;
    if (!fits_ || bytes.empty()) return;
    std::memcpy(out_.data() + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
  }

  std::span<std::byte> out_;
  std::size_t size_ = 0;
  bool fits_ = true;
};

// Reads what may have been written by anybody. What is not there is 0 or empty, and makes_sense()
// is false from then on.
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::byte> in) : in_(in) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    const auto bytes = take(sizeof value);
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  // At most `most`; what is more makes no sense.
  std::uint64_t number_up_to(std::uint64_t most) {
    const std::uint64_t value = number();
    if (value > most) sense_ = false;
    return sense_ ? value : 0;
  }
  std::string text(std::size_t most) {
    const auto bytes = take(number_up_to(most));
    std::string text(bytes.size(), '\0');
    if (!bytes.empty()) std::memcpy(text.data(), bytes.data(), bytes.size());
    return text;
  }

  [[nodiscard]] bool makes_sense() const { return sense_; }
  // Whether all of it made sense and was read.
  [[nodiscard]] bool is_at_end() const { return sense_ && in_.empty(); }

 private:
  std::span<const std::byte> take(std::size_t count) {
    sense_ = sense_ && count <= in_.size();
    if (!sense_) return {};
    const auto taken = in_.first(count);
    in_ = in_.subspan(count);
    return taken;
  }

  std::span<const std::byte> in_;
  bool sense_ = true;
};

}  // namespace qcow2stream::confined
