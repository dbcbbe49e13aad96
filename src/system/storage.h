// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where the bytes of a file or a device really are, so that two names for the same bytes can be
// told, however far apart they are.
//
// Each end (a descriptor, a path) stands on layers: a file, the loop device that shows it, a
// partition of that, what is stacked on partitions, and below a file the device of its file system.
// All of them are followed to the end and kept, since two ends may meet at any of them. A layer
// knows which bytes of it the end takes, and how sure that is (Share). Two loop devices over
// separate parts of a file are apart; where it is not known which bytes an end takes, it takes all.
//
// What is not followed: servers (nbd, NFS and the like), what a process serves with FUSE, ZFS, and
// without sysfs stacked devices. There the last thing that is known is the end.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "system/block_device.h"
#include "system/mounts.h"

namespace qcow2stream {

// What an end has of a layer.
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
  std::uint64_t end = UINT64_MAX;  // bytes, not past it
  Share share = Share::kBytes;
  friend bool operator==(const Layer&, const Layer&) = default;
};

struct Storage {
  std::vector<Layer> layers;  // the end itself first; none for what keeps nothing
  std::string unknown;        // a device of which it cannot be found out what is behind it

  // A pipe or a socket.
  [[nodiscard]] bool is_stream() const;
  // A block device, by its number, or 0.
  [[nodiscard]] dev_t as_device() const;
};

// Looks at ends. It reads the list of mounts once, so it is not for long. Not thread-safe.
class StorageFinder {
 public:
  explicit StorageFinder(SystemRoots roots = {});

  // Of an open descriptor, also with O_PATH; nothing for what is not open.
  [[nodiscard]] Storage of(int fd) const;
  // Of what a path leads to; nothing where there is nothing.
  [[nodiscard]] Storage of(const std::string& path) const;
  [[nodiscard]] Storage of_device(dev_t device) const;
  // Of the device or devices that a file system is kept on; nothing if it is kept on none.
  [[nodiscard]] Storage of_mount(const Mount& mount) const;

  [[nodiscard]] const std::vector<Mount>& mounts() const { return mounts_; }
  [[nodiscard]] const SystemRoots& roots() const { return roots_; }

 private:
  SystemRoots roots_;
  std::vector<Mount> mounts_;
};

enum class Meeting { kApart, kMeet, kUnknown };

// Whether writing to one end may change what another holds. Not so a file that is written to the
// file system that another end is the device of: the device changes then, but keeps what it held.
Meeting writes_into(const Storage& written, const Storage& other);

// Whether one of two ends writes into the other.
Meeting share_bytes(const Storage& a, const Storage& b);

// Whether a file system on `device`, or whoever writes to it, changes bytes of the end itself, and
// not of other files beside it.
bool is_inside(const Storage& device, const Storage& end);

}  // namespace qcow2stream
