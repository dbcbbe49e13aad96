// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/told_stream.h"

#include <algorithm>

#include "base/errors.h"
#include "base/fields.h"

namespace qcow2stream {
namespace {

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

void write_root(FieldWriter& fields, const std::optional<ContentDigest>& root) {
  fields.number(root ? 1 : 0);
  fields.bytes(root.value_or(ContentDigest{}));
}

std::optional<ContentDigest> read_root(FieldReader& fields) {
  const bool is_there = fields.number_up_to(1) == 1;
  ContentDigest root{};
  std::ranges::copy(fields.bytes(root.size()), root.begin());
  if (!is_there) return std::nullopt;
  return root;
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
  fields.number(what.ignore_root ? 1 : 0);
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
  what.ignore_root = fields.number_up_to(1) == 1;
  if (!fields.is_at_end()) return std::nullopt;
  return what;
}

std::optional<std::size_t> write_header(const ToldHeader& header, std::span<std::byte> out) {
  FieldWriter fields(out);
  fields.number(header.disk_size);
  fields.number(header.backing_file ? 1 : 0);
  fields.text(header.backing_file.value_or(""));
  fields.number(header.roots ? 1 : 0);
  const ImageRoots roots = header.roots.value_or(ImageRoots{});
  fields.number(roots.names_root ? 1 : 0);
  write_root(fields, roots.parent);
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
  const bool has_roots = fields.number_up_to(1) == 1;
  ImageRoots roots;
  roots.names_root = fields.number_up_to(1) == 1;
  roots.parent = read_root(fields);
  if (has_roots) header.roots = roots;
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
  write_root(fields, end.own_root);
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
  end.own_root = read_root(fields);
  if (!fields.is_at_end()) return std::nullopt;
  return end;
}

}  // namespace qcow2stream
