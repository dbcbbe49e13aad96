// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/swaps.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

#include "system/device_node.h"
#include "system/octal_escapes.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kMostSwaps = 1000;  // the kernel has 32 at most

constexpr std::string_view kDeleted = " (deleted)";  // behind a name that is no more

// The kernel's own name. In a /dev that is not ours it comes behind a single slash.
std::string kernel_name(std::string_view name) {
  for (const std::string_view prefix : {"/dev/", "/"}) {
    if (!name.starts_with(prefix)) continue;
    name.remove_prefix(prefix.size());
    break;
  }
  return std::string(name);
}

std::optional<dev_t> device_of(const std::string& name, const SystemRoots& roots) {
  struct stat status {};
  if (!roots.dev.empty() && ::stat(name.c_str(), &status) == 0 && S_ISBLK(status.st_mode)) {
    return status.st_rdev;
  }
  const std::string known = kernel_name(name);
  std::string in_sysfs = known;
  std::ranges::replace(in_sysfs, '/', '!');
  if (const auto device =
          parse_device(first_line(fmt::format("{}/class/block/{}/dev", roots.sys, in_sysfs)))) {
    return device;
  }
  for (const DeviceName& one : partition_names(roots)) {
    if (one.name == known) return one.device;
  }
  return std::nullopt;
}

// A line is "NAME TYPE SIZE USED PRIORITY".
std::optional<Swap> parse_swap(const std::string& line, const SystemRoots& roots) {
  std::istringstream words(line);
  Swap swap;
  std::string type;
  if (!(words >> swap.name >> type)) return std::nullopt;
  swap.name = without_octal_escapes(swap.name);
  if (swap.name.ends_with(kDeleted)) swap.name.resize(swap.name.size() - kDeleted.size());
  if (type == "file") return swap;
  if (type != "partition") return std::nullopt;  // the heading, too
  swap.device = device_of(swap.name, roots);
  return swap.device ? std::optional(std::move(swap)) : std::nullopt;
}

}  // namespace

std::vector<Swap> read_swaps(const SystemRoots& roots) {
  std::vector<Swap> swaps;
  std::ifstream file(roots.proc + "/swaps");
  for (std::string line; swaps.size() < kMostSwaps && std::getline(file, line);) {
    if (auto swap = parse_swap(line, roots)) swaps.push_back(*std::move(swap));
  }
  return swaps;
}

}  // namespace qcow2stream
