// SPDX-License-Identifier: GPL-2.0-or-later
//
// Finds out where the bytes of a file or a device really are, so that two names for the same bytes
// are recognized, however far apart they are.
//
// Each end (a descriptor, a path) stands on layers: a file, the loop device that shows it, a
// partition of that, what is stacked on partitions, and below a file the device of its file system.
// All of them are followed to the end and kept, since two ends may meet at any of them. A layer
// knows which bytes of it the end takes, and how sure that is (Share). Two loop devices over
// separate parts of a file are apart; where it is not known which bytes an end takes, it takes all.
//
// Not followed are servers (nbd, NFS and the like), what a process serves with FUSE, ZFS, and
// stacked devices where there is no sysfs. There the last layer that is known is the end.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "system/block_device.h"
#include "system/mounts.h"

namespace qcow2stream {

// Which bytes of a layer belong to an end.
enum class Share {
  kBytes,   // these bytes
  kVolume,  // a logical volume in it: some of these bytes, which no other volume has
  kFile,    // a file of a file system on it: some of these bytes, which no other file has
};

struct Layer {
  enum class Kind { kFile, kDevice, kStream };
  Kind kind = Kind::kFile;
  dev_t device = 0;  // the device itself, or the st_dev of a file or stream
  ino_t inode = 0;   // of a file, a pipe or a socket
  std::uint64_t begin = 0;
  std::uint64_t end = UINT64_MAX;  // one past the last byte
  Share share = Share::kBytes;
  friend bool operator==(const Layer&, const Layer&) = default;
};

struct Storage {
  std::vector<Layer> layers;  // the end itself first; none if it keeps no bytes
  std::string unknown;        // a device of which nobody can tell what is behind it; empty if none

  // Whether it is a pipe or a socket.
  [[nodiscard]] bool is_stream() const;
  // The number of the block device that it is, or 0.
  [[nodiscard]] dev_t as_device() const;
};

// Looks at ends. It reads the list of mounts once, so it should not be kept for long. Belongs to
// one thread.
class StorageFinder {
 public:
  explicit StorageFinder(SystemRoots roots = {});

  // The storage of a descriptor, which may be open with O_PATH. Without layers if it is not open.
  [[nodiscard]] Storage of(int fd) const;
  // The storage of what a path leads to. Without layers if there is nothing.
  [[nodiscard]] Storage of(const std::string& path) const;
  [[nodiscard]] Storage of_device(dev_t device) const;
  // The storage of the devices that a file system is kept on. Without layers if it is kept on none.
  [[nodiscard]] Storage of_mount(const Mount& mount) const;

  [[nodiscard]] const std::vector<Mount>& mounts() const { return mounts_; }
  [[nodiscard]] const SystemRoots& roots() const { return roots_; }

 private:
  SystemRoots roots_;
  std::vector<Mount> mounts_;
};

enum class Meeting { kApart, kMeet, kUnknown };

// Whether writing to one end may change what another one holds. Writing a file to a file system is
// no such case if the other end is the device of that file system: the device changes then, but
// keeps what it held.
Meeting writes_into(const Storage& written, const Storage& other);

// Whether one of two ends writes into the other.
Meeting share_bytes(const Storage& a, const Storage& b);

// Whether a file system on `device`, or a program that writes to the device, changes bytes of the
// end itself, and not only bytes of other files beside it.
bool is_inside(const Storage& device, const Storage& end);

}  // namespace qcow2stream
