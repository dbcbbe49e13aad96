// SPDX-License-Identifier: GPL-2.0-or-later
//
// /proc/self/cgroup has a line for each hierarchy: "0::/system.slice/x.service" of version 2,
// "7:memory:/docker/abc" of version 1. The group's own limit and those of all groups above it hold.
// In a container the path may be that on the host, of which only the end or nothing is to be seen
// below /sys/fs/cgroup. Then all groups that are there count, from the top.

#include "system/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace qcow2stream {
namespace {

// No process has as many groups. The file is read to its end otherwise.
constexpr int kMostLines = 100;

// The word "max" means that there is no limit.
std::optional<std::uint64_t> limit_in(const std::string& file) {
  const auto line = first_line(file);
  if (!line) return std::nullopt;
  std::uint64_t bytes = 0;
  const char* end = line->data() + line->size();
  const auto [stop, error] = std::from_chars(line->data(), end, bytes);
  return error == std::errc() && stop == end ? std::optional(bytes) : std::nullopt;
}

std::uint64_t least_up_from(const std::string& top, std::string group, const char* file) {
  std::uint64_t least = UINT64_MAX;
  for (;;) {
    while (!group.empty() && group.back() == '/') group.pop_back();
    least = std::min(least, limit_in(top + group + "/" + file).value_or(UINT64_MAX));
    if (group.empty()) return least;
    group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
  }
}

// The limit that follows from one line of /proc/self/cgroup.
std::uint64_t limit_of(std::string_view line, const std::string& top) {
  const std::size_t first = line.find(':');
  const std::size_t second = line.find(':', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return UINT64_MAX;
  const std::string controllers =
      "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
  std::string group(line.substr(second + 1));
  // A path such as "/../other" lies outside of what the process can see.
  if (group.find("..") != std::string::npos) group.clear();
  if (controllers == ",,") return least_up_from(top, group, "memory.max");
  if (controllers.find(",memory,") == std::string::npos) return UINT64_MAX;
  return least_up_from(top + "/memory", group, "memory.limit_in_bytes");
}

std::uint64_t machine_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_size = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_size <= 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_size);
}

}  // namespace

std::uint64_t memory_limit(const SystemRoots& roots) {
  std::uint64_t least = machine_memory();
  std::ifstream groups(roots.proc + "/self/cgroup");
  std::string line;
  for (int n = 0; n < kMostLines && std::getline(groups, line); ++n) {
    least = std::min(least, limit_of(line, roots.sys + "/fs/cgroup"));
  }
  return least;
}

}  // namespace qcow2stream
