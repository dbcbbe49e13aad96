// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the confined program is to open, and what it says once it has: the request and the answer of
// Ask::kOpen.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/compression.h"
#include "qcow2stream/disk.h"
#include "qcow2stream/qcow2.h"

namespace qcow2stream::confined {

struct ToOpen {
  std::string name;  // what messages call the image
  Qcow2Options options;
};

// Returns how many bytes it takes; nothing if they do not fit.
std::optional<std::size_t> write_to_open(const ToOpen& what, std::span<std::byte> out);
std::optional<ToOpen> read_to_open(std::span<const std::byte> bytes);

// Clusters that are stored compressed.
struct ToldStored {
  CompressionType type = CompressionType::kZlib;
  std::uint64_t cluster_size = 0;
};

struct ToldOpened {
  std::uint64_t size = 0;    // of the disk, in bytes
  std::uint64_t others = 0;  // DiskStamp
  bool has_changes = false;
  ToldStored stored;
  std::vector<Caveat> caveats;
  Qcow2Remainder remainder;
};

// Returns how many bytes it takes; nothing if they do not fit.
std::optional<std::size_t> write_opened(const ToldOpened& opened, std::span<std::byte> out);
// Nothing if it makes no sense.
std::optional<ToldOpened> read_opened(std::span<const std::byte> bytes);

}  // namespace qcow2stream::confined
