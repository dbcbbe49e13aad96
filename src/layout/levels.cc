// SPDX-License-Identifier: GPL-2.0-or-later
//
// A level is here if it makes less of a disk than all faster ones, by more than a tenth of a
// percent or so. Measured with build/bin/codecs on an ext4 disk of 4.7 GB with the files of
// /usr/lib, 496 clusters of 64 KiB, on one core of a Xeon of 2.5 GHz (Skylake); ISA-L 2.30, zlib
// 1.2.13, libdeflate 1.14, zstd 1.5.4. MB/s of processor time, and what is left of the data.
// Speeds vary by a tenth and more from run to run, zlib's most.
//
//   window 4 KiB           window 32 KiB               zstd
//   qemu-img    30 37.70                               qemu-img   212 35.63
//   ISA-L 0    472 45.70   ISA-L 0        483 42.30    1          316 36.82
//   ISA-L 2    392 40.41   ISA-L 2        407 37.98    2          298 36.12
//   zlib 4      35 38.31   libdeflate 1   160 37.02    3, changed 249 35.57
//   zlib 5      33 37.89   libdeflate 2   113 35.97    4          234 35.24
//   zlib 7      27 37.66   libdeflate 4   101 35.43    5          111 34.50
//   zlib 9      17 37.60   libdeflate 5    84 34.90    6           79 33.98
//                          libdeflate 6    73 34.69    7           69 33.90
//                          libdeflate 7    57 34.55    9           56 33.74
//                          libdeflate 10    9 33.88    14          10 32.62
//                          libdeflate 12    5 33.82    16           6 32.41
//                                                      19           3 32.29
//
// Left out, measured on another sample of that disk: ISA-L 1 (4 % faster than 2, 0.3 % larger),
// ISA-L 3 (isal_codec.cc), zlib 1 to 3 (a quarter faster than 4 at most, and 3 % smaller
// than ISA-L 2 at most), zlib 6 and 8 (next to 7 and 9), libdeflate 3, 8, 9 and 11, zlib with 32
// KiB (slower and larger than libdeflate), zstd's negative levels, and its 8, 10 to 13, 15, 17, 18
// and 20 to 22 (steps of less than half a percent for 64 KiB).

#include "layout/levels.h"

#include <cassert>
#include <span>

namespace qcow2stream {
namespace {

constexpr Effort kDeflate4k[] = {
    {Library::kIsal, 0}, {Library::kIsal, 2}, {Library::kZlib, 4},
    {Library::kZlib, 5}, {Library::kZlib, 7}, {Library::kZlib, 9},
};
constexpr int kNormalDeflate4k = 2;

constexpr Effort kDeflate32k[] = {
    {Library::kIsal, 0},        {Library::kIsal, 2},       {Library::kLibdeflate, 1},
    {Library::kLibdeflate, 2},  {Library::kLibdeflate, 4}, {Library::kLibdeflate, 5},
    {Library::kLibdeflate, 6},  {Library::kLibdeflate, 7}, {Library::kLibdeflate, 10},
    {Library::kLibdeflate, 12},
};
constexpr int kNormalDeflate32k = 3;

constexpr Effort kZstd[] = {
    {Library::kZstd, 1},  {Library::kZstd, 2},  {Library::kZstd, 3},  {Library::kZstd, 4},
    {Library::kZstd, 5},  {Library::kZstd, 6},  {Library::kZstd, 7},  {Library::kZstd, 9},
    {Library::kZstd, 14}, {Library::kZstd, 16}, {Library::kZstd, 19},
};
constexpr int kNormalZstd = 3;

std::span<const Effort> efforts(CompressionType type, std::uint32_t deflate_window) {
  if (type == CompressionType::kZstd) return kZstd;
  if (deflate_window == 4096) return kDeflate4k;
  return kDeflate32k;
}

int normal_level(CompressionType type, std::uint32_t deflate_window) {
  if (type == CompressionType::kZstd) return kNormalZstd;
  return deflate_window == 4096 ? kNormalDeflate4k : kNormalDeflate32k;
}

}  // namespace

CompressionLevels compression_levels(CompressionType type, std::uint32_t deflate_window) {
  return {.least = 1,
          .most = static_cast<int>(efforts(type, deflate_window).size()),
          .normal = normal_level(type, deflate_window)};
}

int level_of(const Compression& compression) {
  return compression.level.value_or(normal_level(compression.type, compression.deflate_window));
}

Effort effort_of(const Compression& compression) {
  const auto all = efforts(compression.type, compression.deflate_window);
  const auto index = static_cast<std::size_t>(level_of(compression) - 1);
  assert(index < all.size());
  return all[index];
}

}  // namespace qcow2stream
