// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/mounts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string_view>

#include "system/block_device.h"
#include "system/octal_escapes.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kMostMounts = 100'000;
constexpr std::size_t kMostOverlayDirectories = 500;  // the kernel's own limit

bool has_option(const std::string& options, std::string_view wanted) {
  std::istringstream words(options);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == wanted) return true;
  }
  return false;
}

// A line is "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS".
std::optional<Mount> parse_mount(const std::string& line) {
  std::istringstream words(line);
  Mount mount;
  int parent = 0;
  std::string device;
  std::string options;
  std::string word;
  if (!(words >> mount.id >> parent >> device >> mount.root >> mount.point >> options)) {
    return std::nullopt;
  }
  while (words >> word && word != "-") {
  }
  const auto number = parse_device(device);
  if (!number || !(words >> mount.type >> mount.source >> mount.options)) return std::nullopt;
  mount.device = *number;
  mount.is_writable = has_option(options, "rw") && has_option(mount.options, "rw");
  for (std::string* text : {&mount.root, &mount.point, &mount.source, &mount.options}) {
    *text = without_octal_escapes(*text);
  }
  return mount;
}

// The text from options[at] on, up to a separator that has no backslash before it.
std::string take_word(std::string_view options, std::size_t& at, std::string_view separators) {
  std::string word;
  for (; at < options.size() && separators.find(options[at]) == std::string_view::npos; ++at) {
    if (options[at] == '\\' && at + 1 < options.size()) ++at;
    word += options[at];
  }
  return word;
}

}  // namespace

std::vector<Mount> read_mounts(const std::string& proc) {
  std::vector<Mount> mounts;
  std::ifstream file(proc + "/self/mountinfo");
  for (std::string line; mounts.size() < kMostMounts && std::getline(file, line);) {
    if (auto mount = parse_mount(line)) mounts.push_back(*std::move(mount));
  }
  return mounts;
}

const Mount* mount_of(const std::vector<Mount>& mounts, int fd, const std::string& proc) {
  std::ifstream file(fmt::format("{}/self/fdinfo/{}", proc, fd));
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    int id = -1;
    if (!(words >> key >> id) || key != "mnt_id:") continue;
    const auto found = std::ranges::find(mounts, id, &Mount::id);
    return found == mounts.end() ? nullptr : &*found;
  }
  return nullptr;
}

// A colon or a comma in one of these names has a backslash before it.
std::vector<std::string> overlay_directories(const Mount& overlay) {
  std::vector<std::string> upper;
  std::vector<std::string> lower;
  const std::string_view options = overlay.options;
  for (std::size_t at = 0; at < options.size(); ++at) {
    const std::string key = take_word(options, at, "=,");
    if (at == options.size() || options[at] == ',') continue;
    std::vector<std::string>& directories = key == "upperdir" ? upper : lower;
    const bool is_wanted = key == "upperdir" || key == "lowerdir" || key == "lowerdir+";
    do {
      ++at;
      std::string name = take_word(options, at, key == "lowerdir" ? ",:" : ",");
      const bool fits = directories.size() < kMostOverlayDirectories;
      if (is_wanted && fits && !name.empty()) directories.push_back(std::move(name));
    } while (at < options.size() && options[at] == ':');
  }
  upper.insert(upper.end(), lower.begin(), lower.end());
  return upper;
}

}  // namespace qcow2stream
