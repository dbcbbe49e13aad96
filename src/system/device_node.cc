// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/device_node.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/major.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "system/temporary_name.h"

namespace qcow2stream {
namespace {

constexpr std::size_t kMostPartitions = 100'000;

// Where we may make a device and open it. Not in every directory for temporary files (nodev).
constexpr std::array<const char*, 5> kPlaces = {"/run", "/tmp", "/var/tmp", "/dev/shm", "/dev"};

bool is_device(int fd, dev_t device) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISBLK(status.st_mode) && status.st_rdev == device;
}

UniqueFd open_node(const std::string& path, dev_t device) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  return fd && is_device(fd.get(), device) ? std::move(fd) : UniqueFd();
}

std::vector<std::string> usual_names(dev_t device, const SystemRoots& roots) {
  std::vector<std::string> names = {fmt::format("block/{}", device_text(device))};
  if (major(device) == LOOP_MAJOR) {
    names.push_back(fmt::format("loop{}", minor(device)));
    names.push_back(fmt::format("loop/{}", minor(device)));
  }
  for (const DeviceName& known : partition_names(roots)) {
    if (known.device == device) names.push_back(known.name);
  }
  return names;
}

// Makes the node in a directory of our own, so that nobody else can exchange it.
UniqueFd open_new_node(dev_t device) {
  for (const char* place : kPlaces) {
    const TemporaryName directory([&] {
      std::string name = fmt::format("{}/qcow2-to-stdout.XXXXXX", place);
      return ::mkdtemp(name.data()) == nullptr ? "" : name;
    });
    if (directory.path().empty()) continue;
    const TemporaryName node([&] {
      std::string name = directory.path() + "/device";
      return ::mknod(name.c_str(), S_IFBLK | 0600, device) == 0 ? name : "";
    });
    if (node.path().empty()) continue;
    if (UniqueFd fd = open_node(node.path(), device)) return fd;
  }
  return {};
}

}  // namespace

std::vector<DeviceName> partition_names(const SystemRoots& roots) {
  std::vector<DeviceName> names;
  std::ifstream file(roots.proc + "/partitions");
  for (std::string line; names.size() < kMostPartitions && std::getline(file, line);) {
    std::istringstream words(line);
    unsigned high = 0;
    unsigned low = 0;
    std::uint64_t blocks = 0;
    std::string name;
    if (words >> high >> low >> blocks >> name) names.push_back({makedev(high, low), name});
  }
  return names;
}

DeviceHandle::DeviceHandle(dev_t device, int fd, const SystemRoots& roots) {
  const int flags = fd < 0 ? -1 : ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_PATH) == 0 && is_device(fd, device)) {
    fd_ = fd;
    return;
  }
  if (roots.dev.empty()) return;
  for (const std::string& name : usual_names(device, roots)) {
    own_ = open_node(roots.dev + "/" + name, device);
    if (own_) break;
  }
  if (!own_) own_ = open_new_node(device);
  fd_ = own_.get();
}

}  // namespace qcow2stream
