// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/named_ends.h"

#include <unistd.h>

#include "common/side_file.h"
#include "qcow2stream/error.h"
#include "system/fd.h"

namespace qcow2stream::cli {
namespace {

// By its name it can be opened, but what stands in its place is no disk.
void check_is_open(const std::string& name) {
  const auto fd = name == "/dev/stdin" ? STDIN_FILENO : descriptor_of(name).value_or(-1);
  if (fd < 0 || fd > STDERR_FILENO || is_open(fd)) return;
  throw Error(ErrorKind::kFailed, name, "cannot be read", "it is not open");
}

}  // namespace

void add_read_file(Ends& ends, const std::string& name) {
  check_is_open(name);
  ends.add(EndRole::kRead, name, name);
}

void add_side_file(Ends& ends, const std::string& path) {
  if (const auto descriptor = descriptor_of(path)) {
    ends.add(EndRole::kStream, path, *descriptor);
  } else {
    ends.add(EndRole::kFile, path, path);
  }
}

}  // namespace qcow2stream::cli
