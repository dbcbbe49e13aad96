// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 12)
#include <fuse_lowlevel.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

#include "mount/mount.h"
#include "mount/sequential_readers.h"

namespace qcow2stream::cli {

// What libfuse asks about a file system of one file, and the failures that there were. Any number
// of threads may ask at the same time.
class OneFile {
 public:
  // `on_first_open` is called once, before the kernel knows that the file is open.
  OneFile(MountedFile file, std::function<void(const Error&)> on_failure,
          std::function<void()> on_first_open)
      : file_(std::move(file)),
        on_failure_(std::move(on_failure)),
        on_first_open_(std::move(on_first_open)) {}

  // Its functions expect a OneFile as the session's user data.
  static const fuse_lowlevel_ops& operations();

  // The most important failure so far: that of a content that has changed before any other, and
  // the first of its kind.
  [[nodiscard]] std::optional<Error> failure() const;

 private:
  static void init(void* self, fuse_conn_info* connection);
  static void lookup(fuse_req_t request, fuse_ino_t parent, const char* name);
  static void getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info* info);
  static void open(fuse_req_t request, fuse_ino_t node, fuse_file_info* info);
  static void read(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                   fuse_file_info* info);
  static void readdir(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset,
                      fuse_file_info* info);
  static void getxattr(fuse_req_t request, fuse_ino_t node, const char* name, std::size_t size);
  static void listxattr(fuse_req_t request, fuse_ino_t node, std::size_t size);
  static void statfs(fuse_req_t request, fuse_ino_t node);

  [[nodiscard]] struct stat status_of(fuse_ino_t node) const;
  void read_file(fuse_req_t request, std::size_t size, std::uint64_t offset);
  void note(const Error& error);

  const MountedFile file_;
  const std::function<void(const Error&)> on_failure_;
  const std::function<void()> on_first_open_;
  std::once_flag first_open_;
  SequentialReaders readers_;
  std::atomic<bool> has_changed_ = false;
  mutable std::mutex mutex_;
  std::optional<Error> failure_;  // under the mutex
};

}  // namespace qcow2stream::cli
