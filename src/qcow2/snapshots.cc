// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2/snapshots.h"

#include <vector>

#include "base/bits.h"
#include "base/endian.h"
#include "qcow2/limits.h"

namespace qcow2stream::qcow2 {
namespace {

// Byte positions of the fields of an entry.
enum SnapshotField : std::size_t {
  kSnapshotL1OffsetAt = 0,
  kSnapshotL1EntriesAt = 8,
  kIdLengthAt = 12,
  kNameLengthAt = 14,
  kVmStateBytesAt = 32,
  kExtraLengthAt = 36,
  // Within what comes behind the fields, as far as it is that long.
  kLongVmStateBytesAt = 0,
  kDiskSizeAt = 8,
};

}  // namespace

std::optional<std::uint64_t> snapshot_entry_size(std::span<const std::byte> fields) {
  const auto extra = load_big<std::uint32_t>(&fields[kExtraLengthAt]);
  if (extra > kMaxSnapshotExtraBytes) return std::nullopt;
  const std::uint64_t texts = std::uint64_t{load_big<std::uint16_t>(&fields[kIdLengthAt])} +
                              load_big<std::uint16_t>(&fields[kNameLengthAt]);
  return kSnapshotFieldsSize + extra + texts;
}

Snapshot decode_snapshot(std::span<const std::byte> entry) {
  Snapshot snapshot;
  snapshot.l1_offset = HostOffset(load_big<std::uint64_t>(&entry[kSnapshotL1OffsetAt]));
  snapshot.l1_entries = load_big<std::uint32_t>(&entry[kSnapshotL1EntriesAt]);
  snapshot.vm_state_bytes = load_big<std::uint32_t>(&entry[kVmStateBytesAt]);
  const std::size_t extra_length = load_big<std::uint32_t>(&entry[kExtraLengthAt]);
  const std::size_t id_length = load_big<std::uint16_t>(&entry[kIdLengthAt]);
  const std::size_t name_length = load_big<std::uint16_t>(&entry[kNameLengthAt]);
  const auto extra = entry.subspan(kSnapshotFieldsSize, extra_length);
  if (extra.size() >= kLongVmStateBytesAt + 8) {
    snapshot.vm_state_bytes = load_big<std::uint64_t>(&extra[kLongVmStateBytesAt]);
  }
  if (extra.size() >= kDiskSizeAt + 8) {
    snapshot.disk_size = load_big<std::uint64_t>(&extra[kDiskSizeAt]);
  }
  const auto texts = entry.subspan(kSnapshotFieldsSize + extra_length);
  const char* text = reinterpret_cast<const char*>(texts.data());
  snapshot.id.assign(text, id_length);
  snapshot.name.assign(text + id_length, name_length);
  return snapshot;
}

std::optional<HostRange> walk_snapshots(const Header& header, const SnapshotTable& table,
                                        const std::function<bool(const Snapshot&)>& use) {
  const HostOffset begin = header.snapshot_table_offset;
  HostOffset at = begin;
  std::vector<std::byte> entry;
  for (std::uint32_t i = 0; i < header.snapshots; ++i) {
    entry.resize(kSnapshotFieldsSize);
    if (!table.read(at, entry)) return std::nullopt;
    const auto size = snapshot_entry_size(entry);
    if (!size) {
      table.refuse(at, "an entry of its snapshot table is too long");
      return std::nullopt;
    }
    entry.resize(*size);
    if (!table.read(at, entry) || !use(decode_snapshot(entry))) return std::nullopt;
    at += align_up(*size, kSnapshotAlignment);
    if (at - begin > kMaxSnapshotTableBytes) {
      table.refuse(begin, "its snapshot table is too large");
      return std::nullopt;
    }
  }
  return HostRange{begin, at - begin};
}

}  // namespace qcow2stream::qcow2
