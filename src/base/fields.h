// SPDX-License-Identifier: GPL-2.0-or-later
//
// Numbers (64 bits, big-endian) and texts (their length, then they themselves) one after the other
// in bytes.

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/endian.h"

namespace qcow2stream {

// How a field is written, wherever Writer::bytes() takes its bytes to.
template <class Writer>
class FieldEncoder {
 public:
  void number(std::uint64_t value) {
    std::array<std::byte, sizeof value> big{};
    store_big(big.data(), value);
    static_cast<Writer*>(this)->bytes(big);
  }
  void text(std::string_view text) {
    number(text.size());
    static_cast<Writer*>(this)->bytes(std::as_bytes(std::span(text)));
  }
};

// Writes to where there is some room. What does not fit any more is left out, and is_complete()
// says so.
class FieldWriter : public FieldEncoder<FieldWriter> {
 public:
  explicit FieldWriter(std::span<std::byte> out) : out_(out) {}

  void bytes(std::span<const std::byte> bytes) {
    fits_ = fits_ && bytes.size() <= out_.size() - size_;
    if (!fits_ || bytes.empty()) return;
    std::ranges::copy(bytes, out_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool is_complete() const { return fits_; }

 private:
  std::span<std::byte> out_;
  std::size_t size_ = 0;
  bool fits_ = true;
};

// Takes as much memory as there are fields.
class GrowingFieldWriter : public FieldEncoder<GrowingFieldWriter> {
 public:
  void bytes(std::span<const std::byte> bytes) {
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

// Reads what may have been written by anybody. What is not there is 0 or empty, and makes_sense()
// is false from then on.
class FieldReader {
 public:
  explicit FieldReader(std::span<const std::byte> in) : rest_(in) {}

  std::uint64_t number() {
    const auto eight = bytes(sizeof(std::uint64_t));
    return eight.empty() ? 0 : load_big<std::uint64_t>(eight.data());
  }
  // At most `most`; what is more makes no sense.
  std::uint64_t number_up_to(std::uint64_t most) {
    const std::uint64_t value = number();
    makes_sense_ = makes_sense_ && value <= most;
    return makes_sense_ ? value : 0;
  }
  std::string text(std::size_t most) {
    const auto characters = bytes(number_up_to(most));
    return {reinterpret_cast<const char*>(characters.data()), characters.size()};
  }
  // Empty if there are fewer.
  std::span<const std::byte> bytes(std::uint64_t count) {
    makes_sense_ = makes_sense_ && count <= rest_.size();
    if (!makes_sense_) return {};
    const auto taken = rest_.first(count);
    rest_ = rest_.subspan(count);
    return taken;
  }

  [[nodiscard]] bool makes_sense() const { return makes_sense_; }
  [[nodiscard]] std::span<const std::byte> rest() const { return rest_; }
  // Whether all of it made sense and was read.
  [[nodiscard]] bool is_at_end() const { return makes_sense_ && rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
  bool makes_sense_ = true;
};

}  // namespace qcow2stream
