// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/same_storage.h"

#include <fmt/format.h>
#include <sys/sysmacros.h>

#include <fstream>
#include <optional>
#include <string>

namespace qcow2stream::cli {
namespace {

bool is_same_inode(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// The first line of what sysfs says about a block device; nothing where it says nothing.
std::optional<std::string> attribute(dev_t device, const char* name) {
  std::ifstream file(fmt::format("/sys/dev/block/{}:{}/{}", major(device), minor(device), name));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

bool is_partition_of(dev_t partition, dev_t disk) {
  return attribute(partition, "partition") &&
         attribute(partition, "../dev") == fmt::format("{}:{}", major(disk), minor(disk));
}

// A device that has no other content than that of a file, with its partitions.
bool is_loop_on(dev_t device, const struct stat& file) {
  for (const char* name : {"loop/backing_file", "../loop/backing_file"}) {
    const auto path = attribute(device, name);
    struct stat behind {};
    if (path && ::stat(path->c_str(), &behind) == 0 && is_same_inode(behind, file)) return true;
  }
  return false;
}

}  // namespace

bool is_same_storage(const struct stat& a, const struct stat& b) {
  if (S_ISREG(a.st_mode) && S_ISREG(b.st_mode)) return is_same_inode(a, b);
  if (S_ISBLK(a.st_mode) && S_ISREG(b.st_mode)) return is_loop_on(a.st_rdev, b);
  if (S_ISREG(a.st_mode) && S_ISBLK(b.st_mode)) return is_loop_on(b.st_rdev, a);
  return S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode) &&
         (a.st_rdev == b.st_rdev || is_partition_of(a.st_rdev, b.st_rdev) ||
          is_partition_of(b.st_rdev, a.st_rdev));
}

bool is_same_stream(const struct stat& a, const struct stat& b) {
  if (S_ISFIFO(a.st_mode) || S_ISSOCK(a.st_mode)) return is_same_inode(a, b);
  return is_same_storage(a, b);
}

}  // namespace qcow2stream::cli
