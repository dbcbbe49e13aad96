// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/block_device.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <linux/hdreg.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <memory>
#include <string_view>

#include "system/device_node.h"
#include "system/fd.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kLongestLine = 4096;
constexpr std::size_t kMostNames = 4096;

// The unit in which sysfs counts, whatever the size of the device's own sectors.
constexpr std::uint64_t kSysfsSector = 512;

// Reads a device number as ioctls give it (new_encode_dev() of the kernel): 12 bits of the major
// number stand amid 20 of the minor one.
dev_t decode_device(std::uint64_t number) {
  const auto low = static_cast<unsigned>(number);
  return makedev((low >> 8) & 0xfff, (low & 0xff) | ((low >> 12) & 0xfff00));
}

std::optional<std::uint64_t> number(const std::optional<std::string>& text) {
  std::uint64_t value = 0;
  if (!text) return std::nullopt;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  return error == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

std::string directory_of(dev_t device, const SystemRoots& roots) {
  return fmt::format("{}/dev/block/{}", roots.sys, device_text(device));
}

bool is_in_sysfs(dev_t device, const SystemRoots& roots) {
  return first_line(directory_of(device, roots) + "/dev").has_value();
}

std::optional<PartOfDisk> partition_by_sysfs(dev_t device, const SystemRoots& roots) {
  const std::string directory = directory_of(device, roots);
  if (!first_line(directory + "/partition")) return std::nullopt;
  const auto disk = parse_device(first_line(directory + "/../dev"));
  if (!disk || *disk == device) return std::nullopt;
  const auto start = number(first_line(directory + "/start"));
  const auto size = number(first_line(directory + "/size"));
  constexpr std::uint64_t kMost = UINT64_MAX / kSysfsSector / 2;
  if (!start || !size || *size == 0 || *start > kMost || *size > kMost) return PartOfDisk{*disk};
  return PartOfDisk{*disk, *start * kSysfsSector, *size * kSysfsSector};
}

// The kernel makes the name of a partition of that of its disk: "sda1" of "sda", "loop0p1" of
// "loop0".
std::optional<std::string> disk_of_name(std::string name) {
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const std::size_t whole = name.size();
  while (!name.empty() && is_digit(name.back())) name.pop_back();
  if (name.empty() || name.size() == whole) return std::nullopt;
  if (name.size() >= 2 && name.back() == 'p' && is_digit(name[name.size() - 2])) name.pop_back();
  return name;
}

std::optional<PartOfDisk> partition_by_name(dev_t device, int fd, const SystemRoots& roots) {
  const auto names = partition_names(roots);
  const auto own = std::ranges::find(names, device, &DeviceName::device);
  const auto parent = own == names.end() ? std::nullopt : disk_of_name(own->name);
  if (!parent) return std::nullopt;
  const auto disk = std::ranges::find(names, *parent, &DeviceName::name);
  if (disk == names.end() || disk->device == device) return std::nullopt;
  const DeviceHandle handle(device, fd, roots);
  hd_geometry geometry{};
  std::uint64_t bytes = 0;
  if (handle.get() < 0 || ::ioctl(handle.get(), HDIO_GETGEO, &geometry) != 0 ||
      ::ioctl(handle.get(), BLKGETSIZE64, &bytes) != 0) {
    return PartOfDisk{disk->device};
  }
  return PartOfDisk{disk->device, geometry.start * kSysfsSector, bytes};
}

LoopBacking from_status(const loop_info64& info) {
  LoopBacking backing{.begin = info.lo_offset, .length = info.lo_sizelimit};
  backing.is_device = info.lo_rdevice != 0;
  backing.device = decode_device(backing.is_device ? info.lo_rdevice : info.lo_device);
  backing.inode = info.lo_inode;
  return backing;
}

LoopAnswer loop_by_sysfs(dev_t device, const SystemRoots& roots) {
  if (!is_in_sysfs(device, roots)) return {};
  const std::string directory = directory_of(device, roots) + "/loop";
  const auto path = first_line(directory + "/backing_file");
  if (!path) return {.is_known = true};
  struct stat behind {};
  if (::stat(path->c_str(), &behind) != 0) return {};
  LoopBacking backing{.begin = number(first_line(directory + "/offset")).value_or(0),
                      .length = number(first_line(directory + "/sizelimit")).value_or(0),
                      .path = *path};
  backing.is_device = S_ISBLK(behind.st_mode);
  backing.device = backing.is_device ? behind.st_rdev : behind.st_dev;
  backing.inode = behind.st_ino;
  return {.is_known = true, .backing = backing};
}

}  // namespace

std::optional<std::string> first_line(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  if (!file) return std::nullopt;
  std::string line(kLongestLine, '\0');
  const ssize_t n = uninterrupted([&] { return ::read(file.get(), line.data(), line.size()); });
  if (n <= 0) return std::nullopt;
  line.resize(static_cast<std::size_t>(n));
  return line.substr(0, line.find('\n'));
}

std::string device_text(dev_t device) {
  return fmt::format("{}:{}", major(device), minor(device));
}

std::optional<dev_t> parse_device(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  unsigned high = 0;
  unsigned low = 0;
  const char* end = text->data() + text->size();
  const auto [colon, error] = std::from_chars(text->data(), end, high);
  if (error != std::errc() || colon == end || *colon != ':') return std::nullopt;
  const auto [stop, second_error] = std::from_chars(colon + 1, end, low);
  if (second_error != std::errc() || stop != end) return std::nullopt;
  return makedev(high, low);
}

std::optional<PartOfDisk> partition_of(dev_t device, int fd, const SystemRoots& roots) {
  return is_in_sysfs(device, roots) ? partition_by_sysfs(device, roots)
                                    : partition_by_name(device, fd, roots);
}

bool is_loop_device(dev_t device) {
  return major(device) == LOOP_MAJOR;
}

LoopAnswer loop_backing(dev_t device, int fd, const SystemRoots& roots) {
  LoopAnswer named = loop_by_sysfs(device, roots);
  if (named.is_known && !named.backing) return named;
  const DeviceHandle handle(device, fd, roots);
  loop_info64 info{};
  if (handle.get() >= 0) {
    if (::ioctl(handle.get(), LOOP_GET_STATUS64, &info) == 0) {
      LoopBacking backing = from_status(info);
      if (named.backing) backing.path = named.backing->path;
      return {.is_known = true, .backing = backing};
    }
    if (errno == ENXIO) return {.is_known = true};
  }
  return named;
}

std::vector<dev_t> devices_below(dev_t device, const SystemRoots& roots) {
  std::vector<dev_t> below;
  const std::string directory = directory_of(device, roots) + "/slaves";
  for (const std::string& name : names_in(directory)) {
    if (const auto slave = parse_device(first_line(fmt::format("{}/{}/dev", directory, name)))) {
      below.push_back(*slave);
    }
  }
  return below;
}

bool is_logical_volume(dev_t device, const SystemRoots& roots) {
  return first_line(directory_of(device, roots) + "/dm/uuid").value_or("").starts_with("LVM-");
}

unsigned sector_size(dev_t device, const SystemRoots& roots) {
  const std::string directory = directory_of(device, roots);
  for (const char* queue : {"/queue", "/../queue"}) {
    const auto size = number(first_line(directory + queue + "/logical_block_size"));
    if (size && *size <= UINT32_MAX) return static_cast<unsigned>(*size);
  }
  const DeviceHandle handle(device, -1, roots);
  int size = 0;
  const bool is_known = handle.get() >= 0 && ::ioctl(handle.get(), BLKSSZGET, &size) == 0;
  return is_known && size > 0 ? static_cast<unsigned>(size) : 0;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), &::closedir);
  if (!open) return names;
  while (const dirent* entry = ::readdir(open.get())) {
    if (names.size() == kMostNames) break;
    if (entry->d_name[0] != '.') names.emplace_back(static_cast<const char*>(entry->d_name));
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace qcow2stream
