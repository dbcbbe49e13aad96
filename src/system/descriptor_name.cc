// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/descriptor_name.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace qcow2stream {
namespace {

constexpr unsigned kMostLinks = 40;  // the limit of the kernel (path_resolution(7))

bool is_in_proc(const std::filesystem::path& directory) {
  struct statfs status {};
  return ::statfs(directory.c_str(), &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

bool names_descriptor(const std::string& path) {
  std::filesystem::path at = path;
  for (unsigned n = 0; n < kMostLinks; ++n) {
    std::error_code error;
    const std::filesystem::path target = std::filesystem::read_symlink(at, error);
    if (error) return false;
    const std::filesystem::path directory = at.has_parent_path() ? at.parent_path() : ".";
    if (is_in_proc(directory)) return true;
    at = directory / target;
  }
  return false;
}

std::string name_behind_descriptor(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) return "";
  struct stat here {};
  struct stat there {};
  if (::stat(path.c_str(), &here) != 0 || ::stat(real.get(), &there) != 0 ||
      here.st_dev != there.st_dev || here.st_ino != there.st_ino) {
    return "";
  }
  return real.get();
}

}  // namespace qcow2stream
