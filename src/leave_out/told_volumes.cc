// SPDX-License-Identifier: GPL-2.0-or-later

#include "leave_out/told_volumes.h"

#include <string_view>

#include "base/errors.h"
#include "base/fields.h"

namespace qcow2stream {
namespace {

// Of a name or a reason. What is longer is cut off.
constexpr std::size_t kMostFindingText = 1024;
constexpr std::uint64_t kMostExaminedDisk = std::uint64_t{1} << 63;

void write_text(FieldWriter& fields, std::string_view text) {
  fields.text(text.substr(0, kMostFindingText));
}

std::string read_text(FieldReader& fields) {
  return one_line(fields.text(kMostFindingText));
}

}  // namespace

std::size_t write_disk_to_examine(const DiskToExamine& what, std::span<std::byte> out) {
  FieldWriter fields(out);
  fields.number(what.disk_size);
  fields.number(what.kinds.free ? 1 : 0);
  fields.number(what.kinds.swap ? 1 : 0);
  fields.number(what.first_volume);
  return fields.size();
}

std::optional<DiskToExamine> read_disk_to_examine(std::span<const std::byte> bytes) {
  FieldReader fields(bytes);
  DiskToExamine what;
  what.disk_size = fields.number_up_to(kMostExaminedDisk);
  what.kinds.free = fields.number_up_to(1) == 1;
  what.kinds.swap = fields.number_up_to(1) == 1;
  what.first_volume = fields.number();
  if (!fields.is_at_end()) return std::nullopt;
  return what;
}

std::size_t write_volume(const ToldVolume& volume, std::span<std::byte> out) {
  FieldWriter fields(out);
  write_text(fields, volume.name);
  fields.number(volume.size);
  return fields.size();
}

std::optional<ToldVolume> read_volume(std::span<const std::byte> bytes) {
  FieldReader fields(bytes);
  ToldVolume volume;
  volume.name = read_text(fields);
  volume.size = fields.number();
  if (!fields.is_at_end()) return std::nullopt;
  return volume;
}

void write_unused(std::span<const GuestRange> runs, std::span<std::byte> out) {
  FieldWriter fields(out);
  for (const GuestRange& run : runs) {
    fields.number(run.begin.value());
    fields.number(run.length);
  }
}

std::optional<std::vector<GuestRange>> read_unused(std::span<const std::byte> bytes,
                                                   std::uint64_t disk_size) {
  std::vector<GuestRange> runs;
  FieldReader fields(bytes);
  while (!fields.is_at_end()) {
    const std::uint64_t begin = fields.number_up_to(disk_size);
    const std::uint64_t length = fields.number_up_to(disk_size - begin);
    if (!fields.makes_sense() || length == 0 || runs.size() == kMostUnusedRuns) {
      return std::nullopt;
    }
    runs.push_back({GuestOffset(begin), length});
  }
  return runs;
}

std::size_t write_finding(const Finding& finding, std::span<std::byte> out) {
  FieldWriter fields(out);
  for (const std::string* text :
       {&finding.format, &finding.name, &finding.kept_because, &finding.remedy}) {
    write_text(fields, *text);
  }
  for (const std::uint64_t number : {finding.block_size, finding.used, finding.free}) {
    fields.number(number);
  }
  return fields.size();
}

std::optional<Finding> read_finding(std::span<const std::byte> bytes) {
  FieldReader fields(bytes);
  Finding finding;
  for (std::string* text :
       {&finding.format, &finding.name, &finding.kept_because, &finding.remedy}) {
    *text = read_text(fields);
  }
  for (std::uint64_t* number : {&finding.block_size, &finding.used, &finding.free}) {
    *number = fields.number();
  }
  if (!fields.is_at_end()) return std::nullopt;
  return finding;
}

}  // namespace qcow2stream
