// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "mount/file_content.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {

// The one file of a file system.
struct MountedFile {
  std::string name;  // no slash in it
  std::shared_ptr<const FileContent> content;
  std::uint64_t inode = 2;  // what stat() shows
  std::timespec time = {};  // of its last change, and of all else
  std::string image_id;     // the extended attribute user.image-id; empty: there is none
};

// A file system in user space (FUSE) with one file that is only read. It belongs to the user who
// has mounted it, and nobody else sees it. A failed read gives EIO.
class Mount {
 public:
  // Mounts it on `directory`; reads wait until serve() is called. `on_failure` is called, by any
  // thread and one at a time, for the first read that fails, and again for the first that fails
  // because the content has changed. Throws Error{kFailed}, with what may help, if the kernel or
  // fusermount3 refuses.
  Mount(std::string directory, MountedFile file, std::function<void(const Error&)> on_failure);
  // Unmounts it. Who still has the file open gets errors.
  ~Mount();
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  // Of the file.
  [[nodiscard]] const std::string& path() const;

  // Answers requests, in threads of its own, until somebody has unmounted it or end() is called.
  // Throws the Error of the first read that failed, kChanged before others, when it is over;
  // Error{kFailed} where the kernel does not ask any more. Once.
  void serve();
  // From any thread, at any time.
  void end();

 private:
  class FileSystem;
  std::unique_ptr<FileSystem> system_;
};

}  // namespace qcow2stream::cli
