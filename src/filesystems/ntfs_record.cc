// SPDX-License-Identifier: GPL-2.0-or-later
//
// Layout: layout.h of libntfs-3g. Every offset in a record is checked against the record.

#include "filesystems/ntfs_record.h"

#include <cstring>
#include <optional>
#include <utility>

#include "filesystems/fields.h"
#include "filesystems/kept.h"

namespace qcow2stream {
namespace {

constexpr std::uint64_t kReference = (std::uint64_t{1} << 48U) - 1;  // without its sequence number
constexpr std::uint64_t kRootDirectory = 5;

Kept bad_record() {
  return Kept("a record of its file table makes no sense", "run chkdsk on it in Windows");
}

template <class Integer>
Integer number_at(std::span<const std::byte> bytes, std::size_t offset) {
  if (offset > bytes.size() || sizeof(Integer) > bytes.size() - offset) throw bad_record();
  return load_little<Integer>(bytes.data() + offset);
}

// A number of up to 8 bytes with a sign.
std::int64_t signed_number(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i)
    value = value << 8U | static_cast<std::uint64_t>(bytes[i - 1]);
  const auto unused = static_cast<unsigned>(64 - 8 * bytes.size());
  return static_cast<std::int64_t>(value << unused) >> unused;
}

// The list of pairs of a length and the distance from the run before.
void take_mapping_pairs(std::span<const std::byte> pairs, std::uint64_t clusters,
                        std::uint64_t expected, NtfsAttribute& attribute) {
  std::uint64_t at_cluster = 0;
  std::uint64_t total = 0;
  for (std::size_t at = 0;;) {
    const auto sizes = number_at<std::uint8_t>(pairs, at);
    if (sizes == 0) break;
    const std::size_t length_size = sizes & 15U;
    const std::size_t distance_size = sizes >> 4U;
    ++at;
    if (length_size == 0 || length_size > 8 || distance_size > 8 ||
        length_size + distance_size > pairs.size() - at)
      throw bad_record();
    const std::int64_t length = signed_number(pairs.subspan(at, length_size));
    at += length_size;
    if (length < 0 || (length == 0 && distance_size > 0)) throw bad_record();
    const auto run_length = static_cast<std::uint64_t>(length);
    if (run_length > ~total) throw bad_record();
    total += run_length;
    if (distance_size == 0) {
      attribute.has_holes = true;
      continue;
    }
    // Wraps to what is meant, or to what lies behind the last cluster.
    at_cluster += static_cast<std::uint64_t>(signed_number(pairs.subspan(at, distance_size)));
    at += distance_size;
    if (at_cluster >= clusters || run_length > clusters - at_cluster) throw bad_record();
    attribute.clusters.push_back({at_cluster, run_length});
  }
  if (expected != 0 && total != expected) throw bad_record();
}

NtfsAttribute parse_clusters(std::span<const std::byte> bytes, std::uint64_t clusters) {
  constexpr std::uint16_t kNotPlain = 0xc0ff;  // compressed, encrypted, sparse
  NtfsAttribute attribute;
  attribute.type = number_at<std::uint32_t>(bytes, 0);
  attribute.is_named = number_at<std::uint8_t>(bytes, 9) != 0;
  attribute.is_plain = (number_at<std::uint16_t>(bytes, 12) & kNotPlain) == 0;
  const auto lowest = number_at<std::uint64_t>(bytes, 16);
  const auto highest = number_at<std::uint64_t>(bytes, 24);
  attribute.is_first = lowest == 0;
  const auto pairs = number_at<std::uint16_t>(bytes, 32);
  if (pairs > bytes.size()) throw bad_record();
  // Highest is 0 where a driver has not filled it in, and -1 where there is nothing.
  const std::uint64_t expected = highest == 0 ? 0 : highest + 1 - lowest;
  take_mapping_pairs(bytes.subspan(pairs), clusters, expected, attribute);
  return attribute;
}

// The name of a file that stands in the root directory, in lower case.
std::optional<std::string> parse_name(std::span<const std::byte> value) {
  if ((number_at<std::uint64_t>(value, 0) & kReference) != kRootDirectory) return std::nullopt;
  std::string name;
  const std::size_t length = number_at<std::uint8_t>(value, 0x40);
  for (std::size_t i = 0; i < length; ++i) {
    const auto unit = number_at<std::uint16_t>(value, 0x42 + 2 * i);
    if (unit >= 0x80) return std::nullopt;
    const char c = static_cast<char>(unit);
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return name;
}

std::span<const std::byte> resident_value(std::span<const std::byte> attribute) {
  const auto length = number_at<std::uint32_t>(attribute, 16);
  const auto offset = number_at<std::uint16_t>(attribute, 20);
  if (offset > attribute.size() || length > attribute.size() - offset) throw bad_record();
  return attribute.subspan(offset, length);
}

void take_attribute(std::span<const std::byte> attribute, std::uint64_t clusters,
                    NtfsRecord& record) {
  const auto type = number_at<std::uint32_t>(attribute, 0);
  if (type == NtfsAttribute::kAttributeList) record.has_attribute_list = true;
  if (number_at<std::uint8_t>(attribute, 8) != 0) {
    record.attributes.push_back(parse_clusters(attribute, clusters));
    return;
  }
  if (type == NtfsAttribute::kStandardInformation) {
    record.file_attributes = number_at<std::uint32_t>(resident_value(attribute), 0x20);
  } else if (type == NtfsAttribute::kFileName) {
    // A file may have several: of DOS, of Windows, and hard links.
    if (auto name = parse_name(resident_value(attribute)))
      record.names_in_root.push_back(*std::move(name));
  }
}

}  // namespace

NtfsRecordState ntfs_record_state(std::span<const std::byte> bytes) {
  constexpr std::uint16_t kInUse = 1;
  if (std::memcmp(bytes.data(), "BAAD", 4) == 0) return NtfsRecordState::kTorn;
  if (std::memcmp(bytes.data(), "FILE", 4) != 0) return NtfsRecordState::kNoRecord;
  return (number_at<std::uint16_t>(bytes, 0x16) & kInUse) != 0 ? NtfsRecordState::kInUse
                                                               : NtfsRecordState::kNotInUse;
}

NtfsRecord parse_ntfs_record(std::uint64_t number, std::span<const std::byte> bytes,
                             std::uint64_t clusters) {
  constexpr std::uint32_t kEnd = 0xffffffff;
  NtfsRecord record;
  const std::uint64_t base = number_at<std::uint64_t>(bytes, 0x20) & kReference;
  record.is_first = base == 0;
  record.file = base == 0 ? number : base;
  const auto in_use = number_at<std::uint32_t>(bytes, 0x18);
  if (in_use > bytes.size()) throw bad_record();
  const std::span<const std::byte> used = bytes.first(in_use);
  for (std::size_t at = number_at<std::uint16_t>(bytes, 0x14);;) {
    if (number_at<std::uint32_t>(used, at) == kEnd) return record;
    const auto length = number_at<std::uint32_t>(used, at + 4);
    if (length < 16 || length % 8 != 0 || length > used.size() - at) throw bad_record();
    take_attribute(used.subspan(at, length), clusters, record);
    at += length;
  }
}

}  // namespace qcow2stream
