// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/temporary_name.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>
#include <vector>

namespace qcow2stream {
namespace {

// How long we wait for a thread that is making a name on a file system that does not answer.
constexpr std::chrono::seconds kPatience{1};

struct Names {
  std::timed_mutex mutex;
  std::vector<std::string> paths;
};

// The list is never destroyed, since a signal may come while the program ends.
Names& names() {
  static Names& all = *new Names;
  return all;
}

// Takes a name out of the list, whose lock must be held. True if it was in it.
bool forget(const std::string& path) {
  std::vector<std::string>& paths = names().paths;
  const auto place = std::ranges::find(paths, path);
  if (place == paths.end()) return false;
  paths.erase(place);
  return true;
}

}  // namespace

TemporaryName::TemporaryName(const std::function<std::string()>& make) {
  const std::lock_guard lock(names().mutex);
  names().paths.reserve(names().paths.size() + 1);
  path_ = make();
  if (!path_.empty()) names().paths.push_back(path_);
}

TemporaryName::~TemporaryName() {
  if (path_.empty()) return;
  const int error = errno;
  const std::lock_guard lock(names().mutex);
  if (forget(path_)) std::remove(path_.c_str());
  errno = error;
}

TemporaryName::TemporaryName(TemporaryName&& other) noexcept
    : path_(std::exchange(other.path_, {})) {}

TemporaryName& TemporaryName::operator=(TemporaryName&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

void TemporaryName::keep() {
  const std::lock_guard lock(names().mutex);
  forget(path_);
  path_.clear();
}

void remove_temporary_names() {
  if (!names().mutex.try_lock_for(kPatience)) return;
  std::vector<std::string>& paths = names().paths;
  std::for_each(paths.rbegin(), paths.rend(),
                [](const std::string& path) { std::remove(path.c_str()); });
}

}  // namespace qcow2stream
