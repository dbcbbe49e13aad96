// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/told_stream.h"

#include "base/errors.h"
#include "disk/confined/fields.h"

namespace qcow2stream {
namespace {

using confined::FieldReader;
using confined::FieldWriter;

constexpr std::size_t kMostStreamText = 64U << 10;
constexpr std::uint64_t kMostRemarks = 64;
constexpr std::uint64_t kMostStreamedDisk = std::uint64_t{1} << 63;

void write_number(FieldWriter& fields, const std::optional<std::uint64_t>& number) {
  fields.number(number ? 1 : 0);
  fields.number(number.value_or(0));
}

std::optional<std::uint64_t> read_number(FieldReader& fields) {
  const bool is_there = fields.number_up_to(1) == 1;
  const std::uint64_t number = fields.number();
  if (!is_there) return std::nullopt;
  return number;
}

std::optional<std::size_t> size_written(const FieldWriter& fields) {
  if (!fields.is_complete()) return std::nullopt;
  return fields.size();
}

}  // namespace

std::optional<std::size_t> write_stream_to_take(const StreamToTake& what,
                                                std::span<std::byte> out) {
  FieldWriter fields(out);
  fields.text(what.name);
  write_number(fields, what.size);
  write_number(fields, what.max_size);
  fields.number(what.spool_memory);
  fields.number(what.only_check ? 1 : 0);
  return size_written(fields);
}

std::optional<StreamToTake> read_stream_to_take(std::span<const std::byte> bytes) {
  FieldReader fields(bytes);
  StreamToTake what;
  what.name = fields.text(kMostStreamText);
  what.size = read_number(fields);
  what.max_size = read_number(fields);
  what.spool_memory = fields.number();
  what.only_check = fields.number_up_to(1) == 1;
  if (!fields.is_at_end()) return std::nullopt;
  return what;
}

std::optional<std::size_t> write_header(const ToldHeader& header, std::span<std::byte> out) {
  FieldWriter fields(out);
  fields.number(header.disk_size);
  fields.number(header.backing_file ? 1 : 0);
  fields.text(header.backing_file.value_or(""));
  return size_written(fields);
}

std::optional<ToldHeader> read_told_header(std::span<const std::byte> bytes) {
  constexpr std::uint64_t kSector = 512;
  FieldReader fields(bytes);
  ToldHeader header;
  header.disk_size = fields.number_up_to(kMostStreamedDisk);
  const bool has_backing_file = fields.number_up_to(1) == 1;
  std::string name = fields.text(kMostStreamText);
  if (has_backing_file) header.backing_file = std::move(name);
  if (!fields.is_at_end() || header.disk_size % kSector != 0) return std::nullopt;
  return header;
}

std::optional<std::size_t> write_end(const ToldEnd& end, std::span<std::byte> out) {
  FieldWriter fields(out);
  for (const std::uint64_t number :
       {end.spooled, end.data_clusters, end.compressed_clusters, end.leaked_clusters}) {
    fields.number(number);
  }
  fields.number(end.remarks.size());
  for (const std::string& remark : end.remarks) fields.text(remark);
  return size_written(fields);
}

std::optional<ToldEnd> read_end(std::span<const std::byte> bytes) {
  FieldReader fields(bytes);
  ToldEnd end;
  for (std::uint64_t* number :
       {&end.spooled, &end.data_clusters, &end.compressed_clusters, &end.leaked_clusters}) {
    *number = fields.number();
  }
  const std::uint64_t remarks = fields.number_up_to(kMostRemarks);
  for (std::uint64_t i = 0; i < remarks; ++i) {
    end.remarks.push_back(one_line(fields.text(kMostStreamText)));
  }
  if (!fields.is_at_end()) return std::nullopt;
  return end;
}

}  // namespace qcow2stream
