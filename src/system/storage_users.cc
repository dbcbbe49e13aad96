// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/storage_users.h"

#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <vector>

#include "system/device_node.h"
#include "system/swaps.h"

namespace qcow2stream {
namespace {

std::vector<DeviceName> loop_devices(const SystemRoots& roots) {
  std::vector<DeviceName> loops;
  for (const std::string& name : names_in(roots.sys + "/block")) {
    const auto device = parse_device(first_line(roots.sys + "/block/" + name + "/dev"));
    if (device && is_loop_device(*device)) loops.push_back({*device, name});
  }
  if (!loops.empty()) return loops;
  for (DeviceName& known : partition_names(roots)) {
    if (is_loop_device(known.device)) loops.push_back(std::move(known));
  }
  return loops;
}

bool can_be_written(const DeviceName& loop, const SystemRoots& roots) {
  if (const auto read_only = first_line(roots.sys + "/block/" + loop.name + "/ro")) {
    return *read_only == "0";
  }
  const DeviceHandle handle(loop.device, -1, roots);
  int is_read_only = 1;
  return handle.get() >= 0 && ::ioctl(handle.get(), BLKROGET, &is_read_only) == 0 &&
         is_read_only == 0;
}

// The end is read through it.
bool is_layer_of(dev_t device, const Storage& end) {
  return std::ranges::any_of(end.layers, [&](const Layer& layer) {
    return layer.kind == Layer::Kind::kDevice && layer.device == device;
  });
}

}  // namespace

std::optional<StorageUser> writing_user(const StorageFinder& finder, const Storage& end) {
  if (end.layers.empty() || end.is_stream()) return std::nullopt;
  for (const Mount& mount : finder.mounts()) {
    if (mount.is_writable && mount.type != "overlay" && is_inside(finder.of_mount(mount), end)) {
      return StorageUser{StorageUser::Kind::kMount, mount.source, mount.point};
    }
  }
  for (const Swap& swap : read_swaps(finder.roots())) {
    const Storage storage = swap.device ? finder.of_device(*swap.device) : finder.of(swap.name);
    if (is_inside(storage, end)) return StorageUser{StorageUser::Kind::kSwap, swap.name, ""};
  }
  for (const DeviceName& loop : loop_devices(finder.roots())) {
    if (is_layer_of(loop.device, end) || !can_be_written(loop, finder.roots())) continue;
    if (is_inside(finder.of_device(loop.device), end)) {
      return StorageUser{StorageUser::Kind::kLoop, "/dev/" + loop.name, ""};
    }
  }
  return std::nullopt;
}

}  // namespace qcow2stream
