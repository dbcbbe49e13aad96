// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/storage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <string_view>
#include <utility>

#include "system/fd.h"

namespace qcow2stream {
namespace {

// A real chain has about ten layers. One that is longer or deeper than this was made to harm us.
constexpr std::size_t kMostLayers = 1024;
constexpr int kDeepest = 48;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

// The bytes in what is below, for a layer that shows a part of it. A `length` of 0 goes to the end.
Layer shown(Layer layer, std::uint64_t begin, std::uint64_t length) {
  const std::uint64_t limit = length == 0 ? UINT64_MAX : sum(begin, length);
  layer.begin = std::min(sum(begin, layer.begin), limit);
  layer.end = std::min(sum(begin, layer.end), limit);
  return layer;
}

Layer somewhere_in(dev_t device, Share share) {
  return {.kind = Layer::Kind::kDevice, .device = device, .share = share};
}

// Follows one end down through its layers.
class Walk {
 public:
  Walk(const SystemRoots& roots, const std::vector<Mount>& mounts)
      : roots_(roots), mounts_(mounts) {}

  void open_file(int fd, const Layer& as);
  void device(Layer layer, int fd);
  void file_system(const Mount& mount, Share share);
  [[nodiscard]] Storage take() { return std::move(found_); }

 private:
  bool add(const Layer& layer);
  bool partition(const Layer& layer, int fd);
  void loop(const Layer& layer, int fd);
  void loop_file(const LoopBacking& backing, Layer layer);
  void stacked(const Layer& layer);
  void below_file(int fd, const Layer& layer);
  void overlay(const Mount& mount, int fd, const Layer& layer);
  void btrfs(dev_t one, Share share);

  const SystemRoots& roots_;
  const std::vector<Mount>& mounts_;
  Storage found_;
  int depth_ = 0;
};

// Counts one step down, and says whether it is one too many.
class Step {
 public:
  explicit Step(int& depth) : depth_(depth) { ++depth_; }
  ~Step() { --depth_; }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  [[nodiscard]] bool is_too_deep() const { return depth_ > kDeepest; }

 private:
  int& depth_;
};

// Adds a layer. True if it is new, and so has to be followed; a circle ends here.
bool Walk::add(const Layer& layer) {
  if (std::ranges::find(found_.layers, layer) != found_.layers.end()) return false;
  if (found_.layers.size() == kMostLayers) {
    found_.unknown = "device " + device_text(layer.device);
    return false;
  }
  found_.layers.push_back(layer);
  return true;
}

// `as` says which bytes of the device count.
void Walk::open_file(int fd, const Layer& as) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  Layer layer = as;
  layer.device = S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev;
  layer.inode = status.st_ino;
  if (S_ISBLK(status.st_mode)) {
    device(layer, fd);
  } else if (S_ISREG(status.st_mode)) {
    layer.kind = Layer::Kind::kFile;
    if (add(layer)) below_file(fd, layer);
  } else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
    layer.kind = Layer::Kind::kStream;
    add(layer);
  }
}

void Walk::device(Layer layer, int fd) {
  const Step step(depth_);
  layer.kind = Layer::Kind::kDevice;
  layer.inode = 0;
  if (step.is_too_deep()) {
    found_.unknown = "device " + device_text(layer.device);
    return;
  }
  if (!add(layer) || partition(layer, fd)) return;
  if (is_loop_device(layer.device)) {
    loop(layer, fd);
  } else {
    stacked(layer);
  }
}

bool Walk::partition(const Layer& layer, int fd) {
  const auto part = partition_of(layer.device, fd, roots_);
  if (!part) return false;
  Layer disk = part->length == 0 ? somewhere_in(part->disk, layer.share)
                                 : shown(layer, part->begin, part->length);
  disk.device = part->disk;
  device(disk, -1);
  return true;
}

void Walk::loop(const Layer& layer, int fd) {
  const LoopAnswer answer = loop_backing(layer.device, fd, roots_);
  if (!answer.is_known) found_.unknown = "loop device " + device_text(layer.device);
  if (!answer.backing) return;
  const LoopBacking& backing = *answer.backing;
  Layer behind = shown(layer, backing.begin, backing.length);
  behind.device = backing.device;
  behind.inode = backing.inode;
  if (backing.is_device) {
    device(behind, -1);
  } else {
    loop_file(backing, behind);
  }
}

// The device says which file it is. If its name is known, too, and no other file has taken it
// since, more can be found out about its file system.
void Walk::loop_file(const LoopBacking& backing, Layer layer) {
  const Step step(depth_);
  layer.kind = Layer::Kind::kFile;
  if (step.is_too_deep() || !add(layer)) return;
  UniqueFd fd;
  if (!backing.path.empty()) fd = UniqueFd(::open(backing.path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  const bool is_it = fd && ::fstat(fd.get(), &status) == 0 && status.st_dev == backing.device &&
                     status.st_ino == backing.inode;
  below_file(is_it ? fd.get() : -1, layer);
}

// It is not known which bytes lie on which device, so all bytes of each device count.
void Walk::stacked(const Layer& layer) {
  const auto devices = devices_below(layer.device, roots_);
  const bool is_volume = !devices.empty() && is_logical_volume(layer.device, roots_);
  const Share share = is_volume ? std::max(layer.share, Share::kVolume) : layer.share;
  for (const dev_t one : devices) device(somewhere_in(one, share), -1);
}

// `fd` is the file, or -1 if only its numbers are known.
void Walk::below_file(int fd, const Layer& layer) {
  const Mount* mount = fd < 0 ? nullptr : mount_of(mounts_, fd, roots_.proc);
  if (mount == nullptr) {
    const auto found = std::ranges::find(mounts_, layer.device, &Mount::device);
    if (found != mounts_.end()) mount = &*found;
  }
  if (mount != nullptr && mount->type == "overlay" && fd >= 0) overlay(*mount, fd, layer);
  if (major(layer.device) != 0) {
    device(somewhere_in(layer.device, Share::kFile), -1);
  } else if (mount != nullptr) {
    file_system(*mount, Share::kFile);
  }
}

void Walk::file_system(const Mount& mount, Share share) {
  const Step step(depth_);
  if (step.is_too_deep()) return;
  if (major(mount.device) != 0) return device(somewhere_in(mount.device, share), -1);
  if (mount.type == "overlay") {
    for (const std::string& directory : overlay_directories(mount)) {
      const UniqueFd fd(::open(directory.c_str(), O_PATH | O_CLOEXEC));
      const Mount* below = fd ? mount_of(mounts_, fd.get(), roots_.proc) : nullptr;
      if (below != nullptr && below->id != mount.id) file_system(*below, share);
    }
    return;
  }
  struct stat source {};
  if (!mount.source.starts_with('/') || ::stat(mount.source.c_str(), &source) != 0 ||
      !S_ISBLK(source.st_mode)) {
    return;
  }
  device(somewhere_in(source.st_rdev, share), -1);
  if (mount.type == "btrfs") btrfs(source.st_rdev, share);
}

// A file of an overlay is the file of the same name in one of its directories.
void Walk::overlay(const Mount& mount, int fd, const Layer& layer) {
  const Step step(depth_);
  std::string path(PATH_MAX, '\0');
  const ssize_t n =
      ::readlink(fmt::format("{}/self/fd/{}", roots_.proc, fd).c_str(), path.data(), path.size());
  if (n <= 0 || step.is_too_deep()) return;
  path.resize(static_cast<std::size_t>(n));
  const std::string point = mount.point == "/" ? "" : mount.point;
  if (!path.starts_with(point + "/")) return;
  const std::string name = (mount.root == "/" ? "" : mount.root) + path.substr(point.size());
  for (const std::string& directory : overlay_directories(mount)) {
    const UniqueFd below(::open((directory + name).c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (below) open_file(below.get(), layer);
  }
}

// The list of mounts names one of its devices, which stands for all of them.
void Walk::btrfs(dev_t one, Share share) {
  const std::string all = roots_.sys + "/fs/btrfs";
  for (const std::string& id : names_in(all)) {
    std::vector<dev_t> devices;
    const std::string directory = fmt::format("{}/{}/devices", all, id);
    for (const std::string& name : names_in(directory)) {
      if (const auto number = parse_device(first_line(fmt::format("{}/{}/dev", directory, name)))) {
        devices.push_back(*number);
      }
    }
    if (std::ranges::find(devices, one) == devices.end()) continue;
    for (const dev_t number : devices) device(somewhere_in(number, share), -1);
  }
}

bool is_same_place(const Layer& a, const Layer& b) {
  return a.kind == b.kind && a.device == b.device && a.inode == b.inode && a.begin < b.end &&
         b.begin < a.end;
}

bool layer_writes_into(const Layer& written, const Layer& other) {
  if (!is_same_place(written, other)) return false;
  return written.share == Share::kBytes ||
         (written.share == Share::kVolume && other.share == Share::kBytes);
}

bool layer_is_inside(const Layer& device, const Layer& end) {
  const bool are_volumes = device.share == Share::kVolume && end.share == Share::kVolume;
  return is_same_place(device, end) && device.share != Share::kFile && end.share != Share::kFile &&
         !are_volumes;
}

bool any_pair(const Storage& a, const Storage& b, bool (*holds)(const Layer&, const Layer&)) {
  return std::ranges::any_of(a.layers, [&](const Layer& one) {
    return std::ranges::any_of(b.layers, [&](const Layer& other) { return holds(one, other); });
  });
}

bool keeps_something(const Storage& storage) {
  return !storage.layers.empty() && !storage.is_stream();
}

}  // namespace

bool Storage::is_stream() const {
  return !layers.empty() && layers.front().kind == Layer::Kind::kStream;
}

dev_t Storage::as_device() const {
  const bool is_device = !layers.empty() && layers.front().kind == Layer::Kind::kDevice;
  return is_device ? layers.front().device : 0;
}

StorageFinder::StorageFinder(SystemRoots roots)
    : roots_(std::move(roots)), mounts_(read_mounts(roots_.proc)) {}

Storage StorageFinder::of(int fd) const {
  Walk walk(roots_, mounts_);
  walk.open_file(fd, {});
  return walk.take();
}

Storage StorageFinder::of(const std::string& path) const {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  return fd ? of(fd.get()) : Storage();
}

Storage StorageFinder::of_device(dev_t device) const {
  Walk walk(roots_, mounts_);
  walk.device(somewhere_in(device, Share::kBytes), -1);
  return walk.take();
}

Storage StorageFinder::of_mount(const Mount& mount) const {
  Walk walk(roots_, mounts_);
  walk.file_system(mount, Share::kBytes);
  return walk.take();
}

Meeting writes_into(const Storage& written, const Storage& other) {
  if (any_pair(written, other, layer_writes_into)) return Meeting::kMeet;
  const bool is_unknown = !written.unknown.empty() || !other.unknown.empty();
  const bool may_meet = is_unknown && keeps_something(written) && keeps_something(other);
  return may_meet ? Meeting::kUnknown : Meeting::kApart;
}

Meeting share_bytes(const Storage& a, const Storage& b) {
  const Meeting one_way = writes_into(a, b);
  return one_way == Meeting::kMeet ? one_way : writes_into(b, a);
}

bool is_inside(const Storage& device, const Storage& end) {
  return any_pair(device, end, layer_is_inside);
}

}  // namespace qcow2stream
