// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/qemu/nothing_attached.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "disk/source_errors.h"
#include "qcow2stream/qemu.h"
#include "system/fd.h"

namespace qcow2stream {
namespace {

// QEMU's drivers of formats whose images have a header that says how large the disk is.
constexpr std::array<std::string_view, 13> kFormatsWithSize = {
    "bochs", "cloop", "dmg",  "luks", "parallels", "qcow", "qcow2",
    "qed",   "vdi",   "vhdx", "vmdk", "vpc",       "vvfat"};

// False if the device cannot be asked, since QEMU will say why.
bool is_device_without_size(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISBLK(status.st_mode)) return false;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  std::uint64_t size = 0;
  return fd && ::ioctl(fd.get(), BLKGETSIZE64, &size) == 0 && size == 0;
}

std::vector<std::string> files_of(const QemuSource& source) {
  return source.file != nullptr ? files_named_by(source.name)
                                : files_named_in_node(source.node.text);
}

}  // namespace

void check_devices_below(const QemuSource& source) {
  if (source.isolated) return;
  for (const std::string& file : files_of(source)) {
    if (!is_device_without_size(file)) continue;
    throw_nothing_attached(file, "the device has no size: nothing is attached to it");
  }
}

void check_size_served(const QemuSource& source, std::uint64_t size) {
  if (size != 0 || source.file != nullptr || !files_of(source).empty()) return;
  const nlohmann::json driver = nlohmann::json::parse(source.node.text).value("driver", "");
  if (std::ranges::find(kFormatsWithSize, driver) != kFormatsWithSize.end()) return;
  throw_nothing_attached(source.name, "it has no size: nothing is attached to what it reads");
}

}  // namespace qcow2stream
