// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/file_target.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <utility>

#include "base/bits.h"
#include "qcow2stream/error.h"
#include "system/fd.h"
#include "system/holes.h"
#include "system/io.h"
#include "system/new_file.h"
#include "system/tell.h"
#include "target/target_descriptor.h"
#include "target/target_errors.h"
#include "target/target_lock.h"
#include "target/zeroing.h"

namespace qcow2stream {
namespace {

// The file system zeroes the edges of a hole.
constexpr std::array kFileMethods = {ZeroMethod::kPunchHole};
constexpr std::uint64_t kNoAlignment = 1;

// A disk that an image holds has whole ones (QEMU: BDRV_SECTOR_SIZE).
constexpr std::uint64_t kSectorSize = 512;

// What the new file throws, it says of a file.
template <class Do>
auto about_target(const Do& what) {
  try {
    return what();
  } catch (Error& error) {
    error.about(ErrorSubject::kTarget);
    throw;
  }
}

class FileTarget final : public Target {
 public:
  FileTarget(UniqueFd fd, const std::string& name, TargetUse use)
      : file_(std::move(fd), name), use_(use) {}
  // `replaced` is the file of which it takes the place, and its locks; it may be none.
  FileTarget(NewFile new_file, const std::string& name, UniqueFd replaced)
      : new_file_(std::move(new_file)),
        replaced_(std::move(replaced)),
        file_(new_file_->take(), name),
        use_(TargetUse::kReplace) {}

  [[nodiscard]] const std::string& name() const override { return file_.name(); }

  [[nodiscard]] TargetTraits traits() const override {
    TargetTraits traits{.reads_as_zeros = use_ == TargetUse::kReplace,
                        .can_be_read = true,
                        .keeps_failures = use_ == TargetUse::kChange};
    if (use_ == TargetUse::kReplace) return traits;
    traits.current_size = size();
    if (use_ == TargetUse::kReadOnly) traits.size = traits.current_size;
    return traits;
  }

  void set_size(std::uint64_t size) override {
    if (use_ == TargetUse::kReadOnly) {
      const std::uint64_t has = this->size();
      if (size > align_up(has, kSectorSize)) throw_too_small(name(), size, has);
      if (size > has) end_ = GuestOffset(has);
      return;
    }
    // Between two disks that are larger, a smaller one leaves zeros.
    if (shorter_ && size > *shorter_) resize(*shorter_);
    shorter_.reset();
    if (use_ == TargetUse::kChange && size < this->size()) {
      shorter_ = size;
    } else if (size != this->size()) {
      resize(size);
    }
  }

  void write(GuestOffset offset, std::span<const std::byte> bytes) override {
    file_.write(offset, bytes);
  }
  void zero(GuestRange range) override { zeroing_.zero(range); }
  void read(GuestOffset offset, std::span<std::byte> buffer) override {
    if (end_ && offset + buffer.size() > *end_) {
      const auto there = buffer.first(*end_ - std::min(offset, *end_));
      std::ranges::fill(buffer.subspan(there.size()), std::byte{0});
      buffer = there;
    }
    if (!buffer.empty()) file_.read(offset, buffer);
  }
  [[nodiscard]] std::uint64_t zeros_at(GuestOffset offset) const override;
  void flush() override { file_.flush(); }
  void drop_cache() override { file_.drop_cache(); }

  void finish() override {
    if (shorter_) resize(*shorter_);
    shorter_.reset();
    if (use_ != TargetUse::kReadOnly) file_.flush();
    if (new_file_) about_target([&] { new_file_->give_name(file_.get()); });
  }

  // What is kept for root is room for root.
  [[nodiscard]] std::optional<std::uint64_t> room() const override {
    struct statvfs system {};
    if (::fstatvfs(file_.get(), &system) != 0) return std::nullopt;
    return (::geteuid() == 0 ? system.f_bfree : system.f_bavail) * system.f_frsize;
  }

 private:
  [[nodiscard]] std::uint64_t size() const {
    struct stat status {};
    if (::fstat(file_.get(), &status) != 0) throw_target_error(name(), "stat failed", errno);
    return static_cast<std::uint64_t>(status.st_size);
  }
  void resize(std::uint64_t size) {
    const auto wanted = static_cast<off_t>(size);
    if (wanted < 0 || uninterrupted([&] { return ::ftruncate(file_.get(), wanted); }) != 0) {
      throw_target_error(name(), fmt::format("cannot become {} bytes long", size),
                         wanted < 0 ? EFBIG : errno);
    }
  }
  // Asked as late as a file system says that no data follows.
  [[nodiscard]] bool tells_holes() const {
    std::call_once(probed_, [this] {
      tells_holes_ = probe_holes(file_.get(), size()) == HoleAnswers::kUsable;
      if (tells_holes_) return;
      tell(name(), "SEEK_DATA", "the file system does not tell holes", "all of it is read");
    });
    return tells_holes_;
  }

  std::optional<NewFile> new_file_;
  UniqueFd replaced_;
  TargetDescriptor file_;
  TargetUse use_;
  // A file that is only read may end within the last sector of the disk, as raw disks do. The rest
  // of that are zeros.
  std::optional<GuestOffset> end_;
  // A file that is changed is cut off when all else is done: until then the stream may break off.
  std::optional<std::uint64_t> shorter_;
  mutable std::once_flag probed_;
  mutable bool tells_holes_ = true;
  Zeroing zeroing_{file_, kFileMethods, kNoAlignment};
};

// Where the file system does not know of holes, it says that there is data. What makes no sense
// (system/holes.h) counts as data, too.
std::uint64_t FileTarget::zeros_at(GuestOffset offset) const {
  const std::uint64_t end = size();
  if (offset.value() >= end || !tells_holes()) return 0;
  const auto data = seek_run(file_.get(), offset.value(), end, SEEK_DATA);
  return data ? *data - offset.value() : 0;
}

UniqueFd open_regular(const std::string& path, int flags) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) throw_target_error(path, "cannot be opened", errno);
  if (!S_ISREG(status.st_mode)) {
    throw_target_error(path, "cannot be opened", "it is no longer a regular file");
  }
  return fd;
}

}  // namespace

std::unique_ptr<Target> make_new_file(const std::string& path) {
  return about_target([&] {
    return std::make_unique<FileTarget>(NewFile(path, path, std::nullopt), path, UniqueFd());
  });
}

std::unique_ptr<Target> replace_file(const std::string& path, const TargetOptions& options) {
  if (!options.overwrite) {
    throw Error(ErrorKind::kFailed, path, "cannot be made", "a file of that name exists")
        .about(ErrorSubject::kTarget)
        .advise(Advice::kOverwrite);
  }
  // A virtual machine that has it open would go on with a file that nobody finds any more.
  UniqueFd old = open_regular(path, O_RDONLY);
  if (!options.force_share) lock_target(old.get(), path, TargetUse::kReplace);
  struct stat status {};
  if (::fstat(old.get(), &status) != 0) throw_target_error(path, "stat failed", errno);
  // A symbolic link stays, and leads to the new file.
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  if (real == nullptr) throw_target_error(path, "cannot be replaced", errno);
  const NewFile::Replaced replaced{
      .mode = status.st_mode, .owner = status.st_uid, .group = status.st_gid, .fd = old.get()};
  return about_target([&] {
    return std::make_unique<FileTarget>(NewFile(real.get(), path, replaced), path, std::move(old));
  });
}

std::unique_ptr<Target> open_file_in_place(const std::string& path, const TargetOptions& options) {
  UniqueFd fd = open_regular(path, options.use == TargetUse::kReadOnly ? O_RDONLY : O_RDWR);
  if (!options.force_share) lock_target(fd.get(), path, options.use);
  return std::make_unique<FileTarget>(std::move(fd), path, options.use);
}

}  // namespace qcow2stream
