// SPDX-License-Identifier: GPL-2.0-or-later
//
// The disk as the confined program has it: the other side reads it.

#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "disk/confined/protocol.h"
#include "disk/confined/serve.h"
#include "filesystems/volume.h"

namespace qcow2stream {

// Asks the other side for something and returns how many bytes of the slot are the answer. Nothing
// where the answer is that it has failed. If the other side goes away, so does this process.
std::optional<std::uint64_t> ask(const confined::ServedChannel& channel, confined::Ask what,
                                 std::uint64_t begin, std::uint64_t length);

// Reads in blocks, and keeps some of those that it has read. Belongs to one thread.
class ServedDisk final : public Volume {
 public:
  // The channel must outlive it.
  ServedDisk(const confined::ServedChannel& channel, std::uint64_t size);

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(VolumeOffset offset, std::span<std::byte> buffer) const override;

  // Keeps nothing of what it has read: what is needed again is asked for again.
  void forget();

 private:
  // Metadata that belongs together lies together. Larger blocks would make more of the disk count
  // as what the findings rest on.
  static constexpr std::uint64_t kBlock = 16 << 10;
  static constexpr std::uint64_t kMostAtOnce = 1 << 20;
  // 16 MiB. What is free of 1 TiB of ext4 without checksums is found in 0.5 s with it, with 4 MiB
  // and with 32; with 64 MiB it is 0.6 s.
  static constexpr std::size_t kMostKept = 1024;

  using Block = std::vector<std::byte>;
  const Block& block(std::uint64_t number, std::uint64_t wanted) const;
  void fetch(std::uint64_t number, std::uint64_t count) const;

  const confined::ServedChannel& channel_;
  const std::uint64_t size_;
  mutable std::map<std::uint64_t, Block> blocks_;
  mutable std::vector<std::uint64_t> order_;  // a ring: which of them came when
  mutable std::size_t oldest_ = 0;
};

}  // namespace qcow2stream
