// SPDX-License-Identifier: GPL-2.0-or-later
//
// The bytes of a file for nlohmann's parser of JSON. It takes them one by one from an iterator and
// keeps all since the last string or number began. Here they are counted, so that a file of nothing
// but spaces, or with one endless string, ends in an error instead of filling the memory.

#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>

namespace qcow2stream {

class JsonBytes {
 public:
  // The longest string, number, or stretch without one. Real ones have some hundred bytes.
  static constexpr std::uint64_t kMaxToken = 1 << 20;

  // `fd` is read from its current position on. Both must outlive the object.
  JsonBytes(const std::string& name, int fd) : name_(name), fd_(fd) {}

  // Throws Error if the file cannot be read or has a zero byte.
  [[nodiscard]] bool at_end() {
    if (next_ == filled_) fill();
    return filled_ == 0;
  }
  // The next byte. Must not be called at the end.
  [[nodiscard]] char peek() const {
    assert(next_ < filled_);
    return buffer_[next_];
  }
  // Takes it. Throws Error where a token is too long.
  void advance() {
    assert(next_ < filled_);
    ++next_;
    if (++in_token_ > kMaxToken) refuse_token();
  }
  void token_ended() { in_token_ = 0; }

  // How many bytes have been taken.
  [[nodiscard]] std::uint64_t position() const { return before_buffer_ + next_; }

  class Iterator {
   public:
    // NOLINTBEGIN(readability-identifier-naming): names that the standard asks for
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = char;
    // NOLINTEND(readability-identifier-naming)

    // An iterator at the end of any file.
    Iterator() = default;
    explicit Iterator(JsonBytes& bytes) : bytes_(&bytes) {}

    char operator*() const { return bytes_->peek(); }
    Iterator& operator++() {
      bytes_->advance();
      return *this;
    }
    // As for any input iterator, all copies move together.
    Iterator operator++(int) {
      bytes_->advance();
      return *this;
    }
    // An iterator can be compared with the end only.
    friend bool operator==(const Iterator& a, const Iterator& /*end*/) {
      return a.bytes_ == nullptr || a.bytes_->at_end();
    }

   private:
    JsonBytes* bytes_ = nullptr;
  };

  [[nodiscard]] Iterator begin() { return Iterator(*this); }
  [[nodiscard]] static Iterator end() { return {}; }

 private:
  void fill();
  // Refuses a zero byte: the parser would take it for the end of the file and leave out the rest.
  void refuse_zeros() const;
  [[noreturn]] void refuse_token() const;

  const std::string& name_;
  int fd_;
  std::array<char, 65536> buffer_{};
  std::size_t next_ = 0;
  std::size_t filled_ = 0;
  std::uint64_t before_buffer_ = 0;  // bytes of the file before buffer_
  std::uint64_t in_token_ = 0;
};

}  // namespace qcow2stream
