// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/device_target.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <array>
#include <bit>
#include <cerrno>
#include <utility>

#include "system/fd.h"
#include "system/tell.h"
#include "target/target_descriptor.h"
#include "target/target_errors.h"
#include "target/target_lock.h"
#include "target/zeroing.h"

namespace qcow2stream {
namespace {

constexpr std::array kDeviceMethods = {ZeroMethod::kPunchHole, ZeroMethod::kZeroOut};

// Where the device does not say which blocks it has.
constexpr std::uint32_t kUsualBlock = 512;

class DeviceTarget final : public Target {
 public:
  DeviceTarget(UniqueFd fd, const std::string& name, const TargetOptions& options)
      : device_(std::move(fd), name), options_(options) {
    if (::ioctl(device_.get(), BLKGETSIZE64, &size_) != 0) {
      throw_target_error(name, "asking for its size failed", errno);
    }
    if (size_ == 0) {
      throw_target_error(name, "is empty", "the device has no size: nothing is attached to it");
    }
  }

  [[nodiscard]] const std::string& name() const override { return device_.name(); }

  [[nodiscard]] TargetTraits traits() const override {
    return {.size = size_,
            .reads_as_zeros = options_.use == TargetUse::kReplace && options_.reads_as_zeros,
            .can_be_read = true,
            .keeps_failures = options_.use != TargetUse::kReadOnly,
            .block_size = block_size_,
            .current_size = size_};
  }

  void set_size(std::uint64_t size) override {
    if (size > size_) throw_too_small(name(), size, size_);
  }

  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    device_.write(offset, bytes);
  }
  void zero(GuestRange range) override { zeroing_.zero(range); }
  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    device_.read(offset, buffer);
  }
  void flush() override { device_.flush(); }

  void drop_cache() override {
    device_.drop_cache();
    // Also what advice about the descriptor does not reach. Only root may ask for it.
    ::ioctl(device_.get(), BLKFLSBUF, 0);
  }

  void finish() override {
    if (options_.use == TargetUse::kReadOnly) return;
    device_.flush();
    // A device that can have no partitions says EINVAL.
    if (::ioctl(device_.get(), BLKRRPART) != 0 && errno != EINVAL) {
      tell(name(), "BLKRRPART", errno, "the kernel does not read its partition table again");
    }
  }

 private:
  [[nodiscard]] std::uint32_t ask_block_size() const {
    int bytes = 0;
    const bool known = ::ioctl(device_.get(), BLKSSZGET, &bytes) == 0 && bytes > 0;
    const auto size = static_cast<std::uint32_t>(bytes);
    return known && std::has_single_bit(size) ? size : kUsualBlock;
  }

  TargetDescriptor device_;
  TargetOptions options_;
  std::uint64_t size_ = 0;
  std::uint32_t block_size_ = ask_block_size();
  Zeroing zeroing_{device_, kDeviceMethods, block_size_};
};

}  // namespace

std::unique_ptr<Target> open_device_target(const std::string& path, const TargetOptions& options) {
  const bool writes = options.use != TargetUse::kReadOnly;
  // For a block device, O_EXCL without O_CREAT claims it as a mount does.
  UniqueFd fd(::open(path.c_str(), (writes ? O_RDWR | O_EXCL : O_RDONLY) | O_CLOEXEC | O_NOCTTY));
  if (!fd && errno == EBUSY) {
    throw_target_error(path, "is in use", "it is mounted, or part of another device");
  }
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) throw_target_error(path, "cannot be opened", errno);
  if (!S_ISBLK(status.st_mode)) {
    throw_target_error(path, "cannot be opened", "it is no longer a block device");
  }
  int is_read_only = 0;
  if (writes && ::ioctl(fd.get(), BLKROGET, &is_read_only) == 0 && is_read_only != 0) {
    throw_target_error(path, "cannot be written", "the device is read-only");
  }
  if (!options.force_share) lock_target(fd.get(), path, options.use);
  return std::make_unique<DeviceTarget>(std::move(fd), path, options);
}

}  // namespace qcow2stream
