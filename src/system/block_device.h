// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the kernel says of one block device: which part of which disk it is, and what it stands on.
//
// sysfs says most of that to everybody. Where it is not mounted, as in a chroot, ioctls on the
// device and /proc/partitions have to do. Nothing that is read is trusted to be short, or to be a
// number.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qcow2stream {

// Where the kernel's file systems are mounted. Tests make some of their own.
struct SystemRoots {
  std::string sys = "/sys";
  std::string proc = "/proc";
  std::string dev = "/dev";  // if empty, no device is opened or asked
};

// The first line of a file that the kernel makes, without its newline, at most 4 KiB. Nothing if
// there is no such file. Never blocks.
std::optional<std::string> first_line(const std::string& path);

// How /proc names a device: "MAJOR:MINOR". The second function reads such a name.
std::string device_text(dev_t device);
std::optional<dev_t> parse_device(const std::optional<std::string>& text);

struct PartOfDisk {
  dev_t disk = 0;
  std::uint64_t begin = 0;   // bytes
  std::uint64_t length = 0;  // bytes; 0 if unknown, and then `begin` is unknown, too
};

// Which part of which disk the device is. Nothing if it is no partition. `fd` is the device or -1.
std::optional<PartOfDisk> partition_of(dev_t device, int fd, const SystemRoots& roots);

bool is_loop_device(dev_t device);

// What is behind a loop device.
struct LoopBacking {
  bool is_device = false;    // whether it is a device and not a file
  dev_t device = 0;          // the device, or the one that the file lies on (st_dev)
  ino_t inode = 0;           // of the file
  std::uint64_t begin = 0;   // bytes
  std::uint64_t length = 0;  // bytes; 0 if it goes to the end
  std::string path;          // where the file may be found; empty if unknown
};
struct LoopAnswer {
  bool is_known = false;
  std::optional<LoopBacking> backing;  // nothing if there is none
};

// The device itself knows what is behind it, also if that has no name any more; where it cannot be
// opened, the name that sysfs has for it is looked up. `fd` is the device or -1.
LoopAnswer loop_backing(dev_t device, int fd, const SystemRoots& roots);

// The devices that a stacked one (dm, md, bcache) stands on; none where sysfs is not mounted.
std::vector<dev_t> devices_below(dev_t device, const SystemRoots& roots);

// Whether the device is a logical volume of LVM. No two of these have the same bytes of a device.
bool is_logical_volume(dev_t device, const SystemRoots& roots);

// How many bytes the device calls a sector (512, 4096). 0 if it cannot be asked.
unsigned sector_size(dev_t device, const SystemRoots& roots);

// The names in a directory, sorted, without those that begin with a dot. At most 4096 of them.
std::vector<std::string> names_in(const std::string& directory);

}  // namespace qcow2stream
