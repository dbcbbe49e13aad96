// SPDX-License-Identifier: GPL-2.0-or-later
//
// A BlockMap says which blocks of a spool file were stored. It has one bit for each, in pieces that
// exist only where a bit is set.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace qcow2stream {

// In bytes: what a block of most file systems has, and a page. 32 MiB of bits stand for a TiB.
inline constexpr std::uint64_t kSpoolBlock = 4096;

// Belongs to one thread while it is filled; then any number of threads may look into it.
class BlockMap {
 public:
  // Marks all blocks that the `length` bytes from `offset` on touch; offset + length must not wrap.
  void mark(std::uint64_t offset, std::uint64_t length);

  // The first byte at or behind `offset`, and before `end`, whose block is marked or, with `marked`
  // false, is not. `end` if there is none.
  [[nodiscard]] std::uint64_t next(bool marked, std::uint64_t offset, std::uint64_t end) const;

 private:
  static constexpr std::uint64_t kWords = 512;
  static constexpr std::uint64_t kBlocks = kWords * 64;  // 128 MiB of the file
  using Piece = std::array<std::uint64_t, kWords>;

  std::vector<std::unique_ptr<Piece>> pieces_;
};

}  // namespace qcow2stream
