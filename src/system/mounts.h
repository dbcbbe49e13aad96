// SPDX-License-Identifier: GPL-2.0-or-later
//
// The file systems that this process sees: proc(5), /proc/PID/mountinfo.

#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace qcow2stream {

struct Mount {
  int id = -1;
  dev_t device = 0;   // st_dev of its files; not that of a btrfs subvolume
  std::string root;   // which directory of the file system is seen
  std::string point;  // and where
  std::string type;
  std::string source;   // what was mounted: a device, or any word
  std::string options;  // of the file system
  bool is_writable = false;
};

// In the order in which they were mounted. None where there is no /proc (`proc`).
std::vector<Mount> read_mounts(const std::string& proc);

// That of an open file, also one that is open with O_PATH: its mnt_id in /proc/self/fdinfo.
const Mount* mount_of(const std::vector<Mount>& mounts, int fd, const std::string& proc);

// The directories of an overlay, the upper one first; those that are not seen from here may be
// among them.
std::vector<std::string> overlay_directories(const Mount& overlay);

}  // namespace qcow2stream
