// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the tests of restores share: disks, the images of them, and streams.

#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "qcow2stream/qcow2stream.h"
#include "system/fd.h"
#include "system/io.h"
#include "testing.h"

namespace qcow2stream::testing {

using Bytes = std::vector<std::byte>;

// A descriptor to read these bytes from.
inline UniqueFd stream_of(const Bytes& bytes) {
  UniqueFd fd(::memfd_create("image", MFD_CLOEXEC));
  EXPECT_EQ(write_full(fd.get(), bytes).bytes, bytes.size());
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

// Data that compresses a little, with holes between.
inline Bytes disk_content(std::uint64_t size, unsigned seed) {
  Bytes bytes(size);
  std::mt19937 random(seed);
  for (std::uint64_t at = 0; at < size;) {
    const std::uint64_t length = std::min<std::uint64_t>(random() % 200000 + 1, size - at);
    if (random() % 2 == 0) {
      for (std::uint64_t i = 0; i < length; ++i) bytes[at + i] = std::byte(random() % 16);
    }
    at += length;
  }
  return bytes;
}

inline Bytes streamable(const Bytes& disk, const ImageOptions& options) {
  return read_all(make_image(std::make_shared<MemoryDisk>(disk), options));
}

inline std::vector<ImageOptions> all_kinds() {
  std::vector<ImageOptions> kinds;
  for (const std::uint32_t cluster : {512U, 4096U, 65536U, 2U << 20}) {
    kinds.push_back({.cluster_size = cluster});
  }
  kinds.push_back({.version = 2});
  kinds.push_back({.refcount_bits = 1});
  kinds.push_back({.refcount_bits = 64});
  kinds.push_back({.extended_l2 = true});
  kinds.push_back({.compression = Compression{}});
  kinds.push_back(
      {.cluster_size = 4096, .compression = Compression{.type = CompressionType::kZstd}});
  return kinds;
}

}  // namespace qcow2stream::testing
