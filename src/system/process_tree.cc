// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/process_tree.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace qcow2stream {
namespace {

// /proc/PID/stat is "PID (NAME) STATE PARENT ...". NAME may hold anything and has at most 64 bytes.
pid_t parent_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text(256, '\0');
  // If the process ends meanwhile, read() gives nothing, while an iterator would throw.
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  const std::size_t name_end = text.rfind(')');
  pid_t parent = -1;
  if (name_end == std::string::npos ||
      std::sscanf(text.c_str() + name_end + 1, " %*c %d", &parent) != 1) {
    return -1;
  }
  return parent;
}

std::multimap<pid_t, pid_t> all_children() {
  std::multimap<pid_t, pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc"), &::closedir);
  if (!directory) return children;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = static_cast<const char*>(entry->d_name);
    if (std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    children.emplace(parent_of(name), std::atoi(name.c_str()));
  }
  return children;
}

}  // namespace

std::vector<pid_t> descendants() {
  const auto children = all_children();
  std::vector<pid_t> found = {::getpid()};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [begin, end] = children.equal_range(found[i]);
    for (auto it = begin; it != end; ++it) {
      // The numbers were not all read at the same moment, so there may be a circle.
      if (std::ranges::find(found, it->second) == found.end()) found.push_back(it->second);
    }
  }
  found.erase(found.begin());
  return found;
}

void signal_descendants(int signal, pid_t child) {
  std::set<pid_t> stopped;
  if (child > 0 && ::kill(child, SIGSTOP) == 0) stopped.insert(child);
  // A process that has a signal waiting cannot fork. One that was forked before is found in the
  // next round.
  for (bool more = true; more;) {
    more = false;
    for (const pid_t pid : descendants()) {
      if (!stopped.insert(pid).second) continue;
      ::kill(pid, SIGSTOP);
      more = true;
    }
  }
  for (const pid_t pid : stopped) ::kill(pid, signal);
  for (const pid_t pid : stopped) ::kill(pid, SIGCONT);
}

}  // namespace qcow2stream
