// SPDX-License-Identifier: GPL-2.0-or-later
//
// A record of the file table of NTFS: which file it belongs to, and which clusters it refers to.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "filesystems/unit_runs.h"

namespace qcow2stream {

// A piece of the clusters of an attribute.
struct NtfsAttribute {
  static constexpr std::uint32_t kStandardInformation = 0x10;
  static constexpr std::uint32_t kAttributeList = 0x20;
  static constexpr std::uint32_t kFileName = 0x30;
  static constexpr std::uint32_t kData = 0x80;

  std::uint32_t type = 0;
  bool is_named = false;
  bool is_plain = false;  // neither compressed nor encrypted nor sparse
  bool is_first = false;  // begins with the first cluster of the attribute
  bool has_holes = false;
  std::vector<UnitRun> clusters;
};

struct NtfsRecord {
  std::uint64_t file = 0;  // the number of the record that the file begins with
  bool is_first = false;   // whether this is that record
  bool has_attribute_list = false;
  std::uint32_t file_attributes = 0;       // of its standard information
  std::vector<std::string> names_in_root;  // in lower case; those that are ASCII
  std::vector<NtfsAttribute> attributes;   // those that have clusters
};

// Takes a record that is in use apart. Throws Kept if it makes no sense or refers to something
// behind `clusters`.
NtfsRecord parse_ntfs_record(std::uint64_t number, std::span<const std::byte> bytes,
                             std::uint64_t clusters);

enum class NtfsRecordState { kInUse, kNotInUse, kTorn, kNoRecord };
NtfsRecordState ntfs_record_state(std::span<const std::byte> bytes);

}  // namespace qcow2stream
