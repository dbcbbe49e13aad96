// SPDX-License-Identifier: GPL-2.0-or-later
//
// Walks the snapshot table and decodes its entries (specification: "Snapshots").

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "qcow2/header.h"
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

// How walk_snapshots() reads an image, and whom it tells what is wrong with the table.
struct SnapshotTable {
  // Fills `buffer` with what the image has from `at` on. Returns false where that is not to be had
  // any more. Throws where it lies behind the end of the image.
  std::function<bool(HostOffset at, std::span<std::byte> buffer)> read;
  // Throws that the table makes no sense at `at`.
  std::function<void(HostOffset at, const std::string& reason)> refuse;
};

// Calls use(snapshot) with each entry of the table in its order. Returns where the table lies in
// the image, or nothing as soon as `table.read` or `use` has returned false. Has one entry in
// memory at a time, which is no more than 129 KiB. Throws what the functions throw; refused are
// entries with more unknown data than QEMU takes, and tables that are larger (QEMU:
// QCOW_MAX_SNAPSHOTS_SIZE).
std::optional<HostRange> walk_snapshots(const Header& header, const SnapshotTable& table,
                                        const std::function<bool(const Snapshot&)>& use);

}  // namespace qcow2stream::qcow2
