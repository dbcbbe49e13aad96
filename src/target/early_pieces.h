// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/types.h"
#include "spool/spool_file.h"

namespace qcow2stream {

// Keeps pieces of a disk that came before it was their turn: data in memory, then in a spool file;
// zeros as ranges. What is kept later replaces what was kept before at the same place. Belongs to
// one thread at a time.
class EarlyPieces {
 public:
  // In bytes, for each piece, whatever it holds: what a list of them takes at least.
  static constexpr std::uint64_t kPieceCost = 128;

  // `memory` is the most that it takes. Without `directory` there is no file.
  EarlyPieces(std::uint64_t memory, std::optional<std::string> directory);

  // These are false, and nothing has changed, if there is no room. `bytes` must not be empty. They
  // throw Error{kFailed} about the spool if its file cannot be written.
  bool keep(GuestOffset offset, std::span<const std::byte> bytes);
  bool keep_zeros(GuestRange range);

  // Forgets what is kept of a range.
  void forget(GuestRange range);

  struct Piece {
    std::uint64_t length = 0;
    std::vector<std::byte> bytes;  // empty if it is zeros
  };
  // Takes the piece that begins at `offset` out, or as much of it as fits in front of `end` and
  // into one request. Nothing if there is none. Throws Error{kFailed} about the spool.
  std::optional<Piece> take(GuestOffset offset, GuestOffset end);

  // How many bytes of zeros it keeps.
  [[nodiscard]] std::uint64_t zeros() const { return zeros_; }

 private:
  enum class Where { kZeros, kMemory, kFile };
  struct Kept {
    Where where = Where::kZeros;
    std::uint64_t length = 0;
    std::vector<std::byte> bytes;  // kMemory
  };
  using Map = std::map<GuestOffset, Kept>;

  [[nodiscard]] bool has_room(std::uint64_t bytes) const;
  void insert(GuestOffset offset, Kept kept);
  Map::iterator erase(Map::iterator piece);
  void split(GuestOffset offset);
  bool clear(GuestRange range);

  std::uint64_t memory_;
  std::optional<std::string> directory_;
  // A byte of the disk lies in it where it lies on the disk, so that neighbours are one piece.
  std::optional<SpoolFile> file_;
  std::uint64_t file_size_ = 0;
  Map pieces_;
  std::uint64_t used_ = 0;  // of the memory
  std::uint64_t zeros_ = 0;
};

}  // namespace qcow2stream
