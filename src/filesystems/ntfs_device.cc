// SPDX-License-Identifier: GPL-2.0-or-later

#include "filesystems/ntfs_device.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <span>

#include "filesystems/ntfs_library.h"

namespace qcow2stream {
namespace {

NtfsDevice& device_of(ntfs_device* device) {
  return *static_cast<NtfsDevice*>(device->d_private);
}

int open_device(ntfs_device* device, int /*flags*/) {
  device->d_state |= 1UL << ND_ReadOnly | 1UL << ND_Open;
  return 0;
}

int close_device(ntfs_device* device) {
  device->d_state &= ~(1UL << ND_Open);
  return 0;
}

std::int64_t seek_device(ntfs_device* device, std::int64_t offset, int whence) {
  NtfsDevice& ours = device_of(device);
  const auto size = static_cast<std::int64_t>(ours.volume->size());
  std::int64_t from = 0;
  if (whence == SEEK_CUR) from = ours.position;
  if (whence == SEEK_END) from = size;
  if (offset < -from || offset > size - from) {
    errno = EINVAL;
    return -1;
  }
  ours.position = from + offset;
  return ours.position;
}

std::int64_t read_device_at(ntfs_device* device, void* buffer, std::int64_t count,
                            std::int64_t offset) {
  NtfsDevice& ours = device_of(device);
  const auto size = static_cast<std::int64_t>(ours.volume->size());
  if (count < 0 || offset < 0 || offset > size) {
    errno = EINVAL;
    return -1;
  }
  const std::int64_t length = std::min(count, size - offset);
  try {
    ours.volume->read(VolumeOffset(static_cast<std::uint64_t>(offset)),
                      std::span(static_cast<std::byte*>(buffer), static_cast<std::size_t>(length)));
  } catch (...) {
    ours.error = std::current_exception();
    errno = EIO;
    return -1;
  }
  return length;
}

std::int64_t read_device(ntfs_device* device, void* buffer, std::int64_t count) {
  NtfsDevice& ours = device_of(device);
  const std::int64_t length = read_device_at(device, buffer, count, ours.position);
  if (length > 0) ours.position += length;
  return length;
}

std::int64_t write_device(ntfs_device* /*device*/, const void* /*buffer*/, std::int64_t /*count*/) {
  errno = EROFS;
  return -1;
}

std::int64_t write_device_at(ntfs_device* /*device*/, const void* /*buffer*/,
                             std::int64_t /*count*/, std::int64_t /*offset*/) {
  errno = EROFS;
  return -1;
}

int sync_device(ntfs_device* /*device*/) {
  return 0;
}

int stat_device(ntfs_device* device, struct stat* status) {
  *status = {};
  status->st_mode = S_IFREG | S_IRUSR;
  status->st_size = static_cast<off_t>(device_of(device).volume->size());
  return 0;
}

int control_device(ntfs_device* /*device*/, unsigned long /*request*/, void* /*argument*/) {
  errno = EOPNOTSUPP;
  return -1;
}

}  // namespace

ntfs_device_operations* ntfs_operations() {
  static ntfs_device_operations made = {
      .open = open_device,
      .close = close_device,
      .seek = seek_device,
      .read = read_device,
      .write = write_device,
      .pread = read_device_at,
      .pwrite = write_device_at,
      .sync = sync_device,
      .stat = stat_device,
      .ioctl = control_device,
  };
  return &made;
}

}  // namespace qcow2stream
