// SPDX-License-Identifier: GPL-2.0-or-later

#include "mount/mount.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/errors.h"
#include "mount/kernel_read_ahead.h"
#include "mount/one_file.h"
#include "system/fd.h"

namespace qcow2stream::cli {
namespace {

constexpr const char* kDevice = "/dev/fuse";

// How many requests are answered at once. Beyond that readers wait, as they do for a disk.
constexpr unsigned kThreads = 16;

Error refused(const std::string& name, const std::string& reason) {
  return Error(ErrorKind::kFailed, name, "cannot be mounted on", reason)
      .about(ErrorSubject::kOutput);
}

// What libfuse and fusermount3 would refuse with fewer words.
void check_directory(const std::string& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) {
    // What a process that was killed has left.
    if (errno == ENOTCONN) {
      throw refused(directory, fmt::format("what was mounted there has lost its program; remove it "
                                           "with: fusermount3 -u {}",
                                           directory));
    }
    throw refused(directory, std::strerror(errno));
  }
  if (!S_ISDIR(status.st_mode)) throw refused(directory, "is not a directory");
  if (::geteuid() != 0 && ::access(directory.c_str(), W_OK) != 0) {
    throw refused(directory, "only its owner, or who may write to it, can mount there");
  }
}

void check_device() {
  const UniqueFd fd(::open(kDevice, O_RDWR | O_CLOEXEC));
  if (fd) return;
  const int error = errno;
  struct stat status {};
  if (::stat(kDevice, &status) != 0) {
    throw refused(kDevice,
                  "it is not there; load the kernel's module (modprobe fuse), or give "
                  "the container that device");
  }
  throw refused(
      kDevice,
      fmt::format("{} (its mode is {:04o}, its owner {}:{}; where users may mount it is "
                  "0666)",
                  std::strerror(error), status.st_mode & 07777U, status.st_uid, status.st_gid));
}

}  // namespace

class Mount::FileSystem {
 public:
  FileSystem(std::string directory, MountedFile file, std::function<void(const Error&)> on_failure)
      : directory_(std::move(directory)),
        path_(directory_ + (directory_.ends_with('/') ? "" : "/") + file.name),
        file_(std::move(file), std::move(on_failure),
              [this] { let_kernel_read_ahead(real_path_); }) {
    check_directory(directory_);
    check_device();
    fuse_set_log_func([](fuse_log_level, const char*, va_list) {});  // an error of ours says it
    start();
  }

  ~FileSystem() {
    unmount();
    fuse_session_destroy(session_);
  }
  FileSystem(const FileSystem&) = delete;
  FileSystem& operator=(const FileSystem&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

  void serve() {
    fuse_loop_config* config = fuse_loop_cfg_create();
    if (config == nullptr) throw std::bad_alloc();
    fuse_loop_cfg_set_clone_fd(config, 1);
    fuse_loop_cfg_set_max_threads(config, kThreads);
    fuse_loop_cfg_set_idle_threads(config, kThreads);
    const int result = fuse_session_loop_mt(session_, config);
    fuse_loop_cfg_destroy(config);
    // Whoever still waits for an answer gets none: so does end(), if it came before the first
    // request was answered.
    unmount();
    if (const auto failure = file_.failure()) throw Error(*failure);
    if (result < 0) throw system_error(path_, "is not asked for any more", -result);
  }

  // A thread that waits for a request sees that it is over once it has had one more.
  void end() {
    fuse_session_exit(session_);
    struct statfs status {};
    static_cast<void>(::statfs(directory_.c_str(), &status));
  }

 private:
  void unmount() {
    if (is_mounted_) fuse_session_unmount(session_);
    is_mounted_ = false;
  }

  void start() {
    std::array arguments = {"qcow2-to-stdout", "-o",
                            "ro,nosuid,nodev,noatime,default_permissions,fsname=qcow2-to-stdout,"
                            "subtype=qcow2-to-stdout"};
    // libfuse copies them before it changes them.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    auto* const words = const_cast<char**>(arguments.data());
    fuse_args args = FUSE_ARGS_INIT(static_cast<int>(arguments.size()), words);
    session_ = fuse_session_new(&args, &OneFile::operations(), sizeof(fuse_lowlevel_ops), &file_);
    fuse_opt_free_args(&args);
    if (session_ == nullptr) throw refused(directory_, "libfuse refuses its options");
    std::error_code error;
    real_path_ = std::filesystem::canonical(directory_, error).string();
    errno = 0;
    if (fuse_session_mount(session_, directory_.c_str()) != 0) {
      const int reason = errno;
      fuse_session_destroy(session_);
      throw refused(directory_, reason != 0
                                    ? std::strerror(reason)
                                    : "fusermount3 refuses, or is not there (package fuse3)");
    }
    is_mounted_ = true;
  }

  const std::string directory_;
  const std::string path_;
  std::string real_path_;  // of the directory; empty: it is not known
  OneFile file_;
  fuse_session* session_ = nullptr;
  bool is_mounted_ = false;
};

Mount::Mount(std::string directory, MountedFile file, std::function<void(const Error&)> on_failure)
    : system_(std::make_unique<FileSystem>(std::move(directory), std::move(file),
                                           std::move(on_failure))) {}

Mount::~Mount() = default;

const std::string& Mount::path() const {
  return system_->path();
}

void Mount::serve() {
  system_->serve();
}

void Mount::end() {
  system_->end();
}

}  // namespace qcow2stream::cli
