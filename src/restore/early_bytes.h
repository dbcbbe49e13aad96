// SPDX-License-Identifier: GPL-2.0-or-later
//
// Bytes of a streamed image that arrived before it was known what they are.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/types.h"
#include "spool/spool_file.h"

namespace qcow2stream {

// Belongs to one thread. Throws Error about ErrorSubject::kSpool.
class EarlyBytes {
 public:
  // Keeps up to `memory` bytes in memory, and the rest, if there is a directory, in a file there.
  EarlyBytes(std::uint64_t memory, std::optional<std::string> directory);

  // Keeps what begins at `at` of the image. Returns false, and keeps nothing, if there is no room.
  bool keep(HostOffset at, std::span<const std::byte> bytes);

  // Returns what was kept of `range`, which is then forgotten. Nothing if a part of it was not.
  std::optional<std::vector<std::byte>> take(HostRange range);

  // The same, but does not forget them.
  [[nodiscard]] std::optional<std::vector<std::byte>> copy(HostRange range) const;

  void forget_all();

  // How many bytes are kept, and how many were at once.
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] std::uint64_t most() const { return most_; }

 private:
  struct Piece {
    std::uint64_t length = 0;
    std::shared_ptr<const std::vector<std::byte>> memory;  // null: in the file
    std::uint64_t offset = 0;                              // there
  };

  [[nodiscard]] bool has_all(HostRange range) const;
  void split_at(HostOffset at);
  void read(const Piece& piece, std::uint64_t skipped, std::span<std::byte> out) const;

  std::uint64_t memory_;
  std::optional<std::string> directory_;
  std::optional<SpoolFile> file_;
  std::uint64_t file_end_ = 0;
  std::map<HostOffset, Piece> pieces_;
  std::uint64_t in_memory_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t most_ = 0;
};

}  // namespace qcow2stream
