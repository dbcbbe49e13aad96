// SPDX-License-Identifier: GPL-2.0-or-later
//
// Decodes the entries of the snapshot table (specification: "Snapshots").

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
  std::optional<std::uint64_t> disk_size;  // bytes; old programs did not write it
};

// So many bytes of an entry come before its texts.
inline constexpr std::size_t kSnapshotFieldsSize = 40;

// The next entry begins at a multiple of so many bytes; the file may end before that.
inline constexpr std::uint64_t kSnapshotAlignment = 8;

// Returns how many bytes an entry has whose first kSnapshotFieldsSize bytes are `fields`. Returns
// nothing where it has more unknown data than QEMU takes.
std::optional<std::uint64_t> snapshot_entry_size(std::span<const std::byte> fields);

// Decodes `entry`, which has snapshot_entry_size() bytes.
Snapshot decode_snapshot(std::span<const std::byte> entry);

}  // namespace qcow2stream::qcow2
