// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "digest/sha256.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// Whether ranges that come in any order cover a disk, each byte of it once. Takes the same few
// bytes of memory for any number of them.
//
// Each position has a number. Ranges that follow each other without a gap end where the next one
// begins, so the numbers of all ends less those of all beginnings are that of the disk's end less
// that of its beginning. Otherwise there is a position that is more often an end than a beginning,
// or the other way round, and its number counts. Nobody can foresee it: it is a SHA-256 with a key
// that only we have. So whoever chooses the ranges, and leaves a byte out, has one chance in 2^64.
//
// Belongs to one thread at a time. Throws Error where there are no random numbers, or OpenSSL
// fails.
class Cover {
 public:
  Cover();

  void add(GuestRange range);
  // Whether they cover a disk of so many bytes, and nothing else.
  [[nodiscard]] bool is_all_of(std::uint64_t disk_size);

 private:
  std::uint64_t number_of(GuestOffset at);

  std::array<std::byte, 16> key_{};
  Sha256 hash_;
  std::uint64_t sum_ = 0;  // modulo 2^64
};

}  // namespace qcow2stream
