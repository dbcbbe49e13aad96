// SPDX-License-Identifier: GPL-2.0-or-later
//
// Entries of the snapshot table (specification: "Snapshots").

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "qcow2stream/types.h"

namespace qcow2stream::qcow2 {

struct Snapshot {
  HostOffset l1_offset;
  std::uint64_t l1_entries = 0;
  std::string id;
  std::string name;
  std::uint64_t vm_state_bytes = 0;
  std::optional<std::uint64_t> disk_size;  // bytes; nothing where an old program made it
};

// The bytes of an entry before its texts.
inline constexpr std::size_t kSnapshotFieldsSize = 40;

// How many bytes an entry has whose first kSnapshotFieldsSize bytes are `fields`, filled up to a
// multiple of eight. Nothing where it has more of what is unknown than QEMU takes.
std::optional<std::uint64_t> snapshot_entry_size(std::span<const std::byte> fields);

// The entry that `entry`, of snapshot_entry_size() bytes, holds.
Snapshot decode_snapshot(std::span<const std::byte> entry);

}  // namespace qcow2stream::qcow2
