// SPDX-License-Identifier: GPL-2.0-or-later

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <memory>

#include "qcow2stream/target.h"
#include "target/device_target.h"
#include "target/file_target.h"
#include "target/target_errors.h"

namespace qcow2stream {
namespace {

// Whether a new file would lie where devices have their names. Who misspells one means no file in
// memory that is as large as a disk.
bool is_among_devices(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(directory.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) return false;
  const std::string where = std::string(real.get()) + "/";
  return where.starts_with("/dev/") && !where.starts_with("/dev/shm/");
}

std::unique_ptr<Target> make_where_nothing_is(const std::string& path) {
  struct stat link {};
  if (::lstat(path.c_str(), &link) == 0) {
    throw_target_error(path, "cannot be made", "it is a symbolic link that leads nowhere");
  }
  if (is_among_devices(path)) throw_target_error(path, "cannot be opened", "no such device");
  return make_new_file(path);
}

}  // namespace

std::unique_ptr<Target> open_target(const std::string& path, const TargetOptions& options) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT && options.use == TargetUse::kReplace && !path.empty()) {
      return make_where_nothing_is(path);
    }
    throw_target_error(path, "cannot be opened", errno);
  }
  if (S_ISBLK(status.st_mode)) return open_device_target(path, options);
  if (!S_ISREG(status.st_mode)) {
    throw_target_error(path, "cannot be used as a target",
                       S_ISDIR(status.st_mode) ? "it is a directory"
                                               : "it is neither a regular file nor a block device");
  }
  if (options.use == TargetUse::kReplace) return replace_file(path, options);
  return open_file_in_place(path, options);
}

}  // namespace qcow2stream
