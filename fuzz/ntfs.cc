// SPDX-License-Identifier: GPL-2.0-or-later
//
// Any NTFS volume: what is free of it, or why it is kept.

#include "filesystems/ntfs.h"

#include "file_system.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace qcow2stream;
  return fuzz::run("ntfs", [&] {
    fuzz::check_file_system("ntfs", fuzz::Input({data, size}), examine_ntfs);
  });
}
