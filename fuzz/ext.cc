// SPDX-License-Identifier: GPL-2.0-or-later
//
// Any ext file system: what is free of it, or why it is kept.

#include "filesystems/ext.h"

#include "file_system.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace qcow2stream;
  return fuzz::run("ext", [&] {
    fuzz::check_file_system("ext", fuzz::Input({data, size}), examine_ext);
  });
}
