// SPDX-License-Identifier: GPL-2.0-or-later
//
// Offsets and counts as types, so that a position in the disk can never be taken for a position in
// the image. A length is a plain std::uint64_t and always in bytes; a count of clusters says so.
//
// All functions here are pure, never throw and may be called from any thread.

#pragma once

#if __cplusplus < 202002L
#error "qcow2stream needs C++20 (-std=c++20)"
#endif

#include <compare>
#include <cstdint>

namespace qcow2stream {

// A position: it can be compared, moved by a length and subtracted from a position of the same
// kind. There is no way from one kind to another but through value().
template <class Tag>
class Position {
 public:
  constexpr Position() = default;
  constexpr explicit Position(std::uint64_t value) : value_(value) {}

  [[nodiscard]] constexpr std::uint64_t value() const { return value_; }

  friend constexpr auto operator<=>(const Position&, const Position&) = default;
  friend constexpr Position operator+(Position p, std::uint64_t n) {
    return Position(p.value_ + n);
  }
  friend constexpr Position operator-(Position p, std::uint64_t n) {
    return Position(p.value_ - n);
  }
  friend constexpr std::uint64_t operator-(Position a, Position b) { return a.value_ - b.value_; }
  constexpr Position& operator+=(std::uint64_t n) {
    value_ += n;
    return *this;
  }

 private:
  std::uint64_t value_ = 0;
};

// A byte of the disk, counted from its start ("guest offset" in the qcow2 specification).
using GuestOffset = Position<struct GuestOffsetTag>;

// A byte of the image, counted from its start ("host offset" in the qcow2 specification).
using HostOffset = Position<struct HostOffsetTag>;

// A cluster of the disk: the guest offset divided by the cluster size.
using GuestCluster = Position<struct GuestClusterTag>;

// A cluster of the image: the host offset divided by the cluster size.
using HostCluster = Position<struct HostClusterTag>;

// A number of clusters. Whether these are of the disk or of the image follows from where it stands.
using ClusterCount = std::uint64_t;

// The bytes [begin, begin + length).
template <class Offset>
struct Range {
  Offset begin;
  std::uint64_t length = 0;

  [[nodiscard]] constexpr Offset end() const { return begin + length; }
  // Its first `n` bytes, or all of it where it has fewer.
  [[nodiscard]] constexpr Range first(std::uint64_t n) const {
    return {begin, n < length ? n : length};
  }
  // What is left of it without its first `n` bytes.
  [[nodiscard]] constexpr Range without_first(std::uint64_t n) const {
    const std::uint64_t left_out = n < length ? n : length;
    return {begin + left_out, length - left_out};
  }
  // Cuts the first `n` bytes off and returns them.
  constexpr Range take_front(std::uint64_t n) {
    const Range front = first(n);
    *this = without_first(n);
    return front;
  }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

using GuestRange = Range<GuestOffset>;
using HostRange = Range<HostOffset>;

}  // namespace qcow2stream
