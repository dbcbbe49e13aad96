// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/opened.h"

#include <bit>

#include "base/errors.h"
#include "base/fields.h"
#include "disk/confined/protocol.h"
#include "disk/confined/told_runs.h"

namespace qcow2stream::confined {
namespace {

constexpr std::size_t kMostText = 64U << 10;
constexpr std::uint64_t kMostCaveats = 16;
constexpr std::uint64_t kSmallestCluster = 512;  // specification, and kSlotBytes is QEMU's largest

void write_optional(FieldWriter& fields, const std::optional<std::string>& text) {
  fields.number(text ? 1 : 0);
  fields.text(text.value_or(""));
}

std::optional<std::string> read_optional(FieldReader& fields) {
  const bool is_there = fields.number_up_to(1) == 1;
  std::string text = fields.text(kMostText);
  if (!is_there) return std::nullopt;
  return text;
}

std::optional<std::size_t> size_of(const FieldWriter& fields) {
  if (!fields.is_complete()) return std::nullopt;
  return fields.size();
}

}  // namespace

std::optional<std::size_t> write_to_open(const ToOpen& what, std::span<std::byte> out) {
  FieldWriter fields(out);
  fields.text(what.name);
  write_optional(fields, what.options.snapshot);
  write_optional(fields, what.options.bitmap);
  fields.number(what.options.top ? what.options.top->unit : 0);
  fields.number(what.options.top && what.options.top->whole_chain ? 1 : 0);
  return size_of(fields);
}

std::optional<ToOpen> read_to_open(std::span<const std::byte> bytes) {
  FieldReader fields(bytes);
  ToOpen what;
  what.name = fields.text(kMostText);
  what.options.snapshot = read_optional(fields);
  what.options.bitmap = read_optional(fields);
  const std::uint64_t unit = fields.number();
  const bool whole_chain = fields.number_up_to(1) == 1;
  if (unit != 0)
    what.options.top = TopImages{.images = 1, .unit = unit, .whole_chain = whole_chain};
  if (!fields.is_at_end()) return std::nullopt;
  return what;
}

std::optional<std::size_t> write_opened(const ToldOpened& opened, std::span<std::byte> out) {
  FieldWriter fields(out);
  fields.number(opened.size);
  fields.number(opened.others);
  fields.number(opened.has_changes ? 1 : 0);
  fields.number(opened.stored.type == CompressionType::kZstd ? 1 : 0);
  fields.number(opened.stored.cluster_size);
  fields.number(opened.caveats.size());
  for (const Caveat& caveat : opened.caveats) fields.text(caveat.text);
  fields.number(opened.remainder.snapshots);
  fields.number(opened.remainder.vm_state_bytes);
  fields.number(opened.remainder.bitmaps.size());
  for (const std::string& name : opened.remainder.bitmaps) fields.text(name);
  return size_of(fields);
}

std::optional<ToldOpened> read_opened(std::span<const std::byte> bytes) {
  FieldReader fields(bytes);
  ToldOpened opened;
  opened.size = fields.number_up_to(kMostDiskBytes);
  opened.others = fields.number();
  opened.has_changes = fields.number_up_to(1) == 1;
  if (fields.number_up_to(1) == 1) opened.stored.type = CompressionType::kZstd;
  opened.stored.cluster_size = fields.number_up_to(kSlotBytes);
  const std::uint64_t caveats = fields.number_up_to(kMostCaveats);
  for (std::uint64_t i = 0; i < caveats; ++i) {
    opened.caveats.push_back({one_line(fields.text(kMostText))});
  }
  opened.remainder.snapshots = fields.number();
  opened.remainder.vm_state_bytes = fields.number();
  const std::uint64_t bitmaps = fields.number_up_to(kSlotBytes / sizeof(std::uint64_t));
  for (std::uint64_t i = 0; i < bitmaps && fields.makes_sense(); ++i) {
    opened.remainder.bitmaps.push_back(fields.text(kMostText));
  }
  const std::uint64_t cluster = opened.stored.cluster_size;
  if (!fields.is_at_end() || !std::has_single_bit(cluster) || cluster < kSmallestCluster) {
    return std::nullopt;
  }
  return opened;
}

}  // namespace qcow2stream::confined
