// SPDX-License-Identifier: GPL-2.0-or-later
//
// The file systems that this process sees, as /proc/PID/mountinfo lists them (proc(5)).

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace qcow2stream {

struct Mount {
  int id = -1;
  dev_t device = 0;   // st_dev of its files, but not of those in a btrfs subvolume
  std::string root;   // which directory of the file system is seen
  std::string point;  // where it is seen
  std::string type;
  std::string source;   // what was mounted: a device, or any word
  std::string options;  // of the file system
  bool is_writable = false;
};

// The mounts in the order in which they were made. None if there is no /proc, which `proc` names.
std::vector<Mount> read_mounts(const std::string& proc);

// The mount of an open file, which may be open with O_PATH, by its mnt_id in /proc/self/fdinfo.
// Null if it is not known.
const Mount* mount_of(const std::vector<Mount>& mounts, int fd, const std::string& proc);

// The directories of an overlay, the upper one first. Some of them may not be visible to us.
std::vector<std::string> overlay_directories(const Mount& overlay);

}  // namespace qcow2stream
