// SPDX-License-Identifier: GPL-2.0-or-later
//
// Prints what decides the bytes of each kind and level of compression: the command line's options,
// a tab, and what codec_version() says.

#include <cstdio>

#include "codec/codec.h"

namespace {

using namespace qcow2stream;

void print(CompressionType type, std::uint32_t window) {
  const CompressionLevels levels = compression_levels(type, window);
  for (int level = levels.least; level <= levels.most; ++level) {
    const std::string version =
        codec_version({.type = type, .level = level, .deflate_window = window});
    const bool zstd = type == CompressionType::kZstd;
    std::printf("--compress=%s:%d%s\t%s\n", zstd ? "zstd" : "zlib", level,
                window == 4096 ? "" : " --deflate-window=32k", version.c_str());
  }
}

}  // namespace

int main() {
  print(CompressionType::kZlib, 4096);
  print(CompressionType::kZlib, 32768);
  print(CompressionType::kZstd, 4096);
  return 0;
}
