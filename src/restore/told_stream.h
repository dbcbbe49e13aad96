// SPDX-License-Identifier: GPL-2.0-or-later
//
// What we and the confined program say to each other of an image that comes as a stream
// (disk/confined/protocol.h, Work::kStream).

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qcow2stream/proof.h"
#include "qcow2stream/root.h"

namespace qcow2stream {

// What to take apart, and how: the request kTake.
struct StreamToTake {
  std::string name;
  std::optional<std::uint64_t> size;
  std::optional<std::uint64_t> max_size;
  std::uint64_t spool_memory = 0;
  bool only_check = false;
  bool ignore_root = false;  // what it says of its own root is not compared with what it holds
};

std::optional<std::size_t> write_stream_to_take(const StreamToTake& what, std::span<std::byte> out);
std::optional<StreamToTake> read_stream_to_take(std::span<const std::byte> bytes);

// What its header says.
struct ToldHeader {
  std::uint64_t disk_size = 0;
  std::optional<std::string> backing_file;
  std::optional<ImageRoots> roots;  // without its own
};

std::optional<std::size_t> write_header(const ToldHeader& header, std::span<std::byte> out);
// Nothing if it makes no sense.
std::optional<ToldHeader> read_told_header(std::span<const std::byte> bytes);

// What is known when it has ended: of RestoredImage and CheckedImage what only the program knows.
struct ToldEnd {
  std::uint64_t spooled = 0;
  std::uint64_t data_clusters = 0;
  std::uint64_t compressed_clusters = 0;
  std::uint64_t leaked_clusters = 0;
  std::vector<std::string> remarks;
  std::optional<ContentDigest> own_root;
};

std::optional<std::size_t> write_end(const ToldEnd& end, std::span<std::byte> out);
std::optional<ToldEnd> read_end(std::span<const std::byte> bytes);

}  // namespace qcow2stream
