// SPDX-License-Identifier: GPL-2.0-or-later

#include "codec/levels.h"

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
  return efforts(compression.type,
                 compression.deflate_window)[static_cast<std::size_t>(level_of(compression) - 1)];
}

}  // namespace qcow2stream
