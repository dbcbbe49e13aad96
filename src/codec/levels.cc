// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/levels.h"

#include <span>

namespace qcow2stream {
namespace {

constexpr Effort kDeflate4k[] = {
    {Library::kIsal, 0}, {Library::kIsal, 1}, {Library::kIsal, 2},
    {Library::kZlib, 4}, {Library::kZlib, 6}, {Library::kZlib, 9},
};
constexpr int kNormalDeflate4k = 3;

constexpr Effort kDeflate32k[] = {
    {Library::kIsal, 0},       {Library::kIsal, 1},        {Library::kIsal, 2},
    {Library::kLibdeflate, 2}, {Library::kLibdeflate, 4},  {Library::kLibdeflate, 6},
    {Library::kLibdeflate, 9}, {Library::kLibdeflate, 12},
};
constexpr int kNormalDeflate32k = 3;

constexpr int kMostZstd = 19;
constexpr int kNormalZstd = 3;

std::span<const Effort> deflate_efforts(std::uint32_t window) {
  if (window == 4096) return kDeflate4k;
  return kDeflate32k;
}

}  // namespace

CompressionLevels compression_levels(CompressionType type, std::uint32_t deflate_window) {
  if (type == CompressionType::kZstd) return {.least = 1, .most = kMostZstd, .normal = kNormalZstd};
  return {.least = 1,
          .most = static_cast<int>(deflate_efforts(deflate_window).size()),
          .normal = deflate_window == 4096 ? kNormalDeflate4k : kNormalDeflate32k};
}

int level_of(const Compression& compression) {
  return compression.level.value_or(
      compression_levels(compression.type, compression.deflate_window).normal);
}

Effort effort_of(const Compression& compression) {
  const int level = level_of(compression);
  if (compression.type == CompressionType::kZstd) return {Library::kZstd, level};
  return deflate_efforts(compression.deflate_window)[static_cast<std::size_t>(level - 1)];
}

}  // namespace qcow2stream
