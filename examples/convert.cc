// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the command does, in the fewest lines: convert DISK > IMAGE

#include <unistd.h>

#include <cstdio>

#include "qcow2stream/qcow2stream.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: convert DISK > IMAGE\n", stderr);
    return 2;
  }
  try {
    const auto disk = qcow2stream::open_disk(argv[1]);
    const qcow2stream::ImageOptions options{.cluster_size = 65536};
    const auto found = qcow2stream::survey(*disk, options);
    // From here on the image's size and every offset in it are fixed.
    const qcow2stream::Image image(disk, options, found);
    std::fprintf(stderr, "%llu bytes\n", static_cast<unsigned long long>(image.size()));
    qcow2stream::emit(image, image.whole(), STDOUT_FILENO);
  } catch (const qcow2stream::Error& error) {
    std::fprintf(stderr, "convert: %s\n", error.what());
    return 1;
  }
  return 0;
}
