// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/confinement.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/errors.h"
#include "system/system_call_filter.h"

namespace qcow2stream {
namespace {

// The system's linux/landlock.h may be older than its kernel, so these stand here.
constexpr std::uint64_t kExecute = 1U << 0;
constexpr std::uint64_t kWriteFile = 1U << 1;
constexpr std::uint64_t kReadFile = 1U << 2;
constexpr std::uint64_t kOfVersion1 = (1U << 13) - 1;
constexpr std::uint64_t kMoveToOtherDirectory = 1U << 13;
constexpr std::uint64_t kTruncate = 1U << 14;
constexpr std::uint64_t kIoctlOfDevice = 1U << 15;
constexpr std::uint64_t kBindAndConnectTcp = 3;
constexpr std::uint64_t kAbstractSocketsAndSignals = 3;

struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

// All ways to use files that a version of Landlock can forbid.
RulesetAttributes everything(long version) {
  RulesetAttributes all{.files = kOfVersion1};
  if (version >= 2) all.files |= kMoveToOtherDirectory;
  if (version >= 3) all.files |= kTruncate;
  if (version >= 4) all.network = kBindAndConnectTcp;
  if (version >= 5) all.files |= kIoctlOfDevice;
  if (version >= 6) all.scoped = kAbstractSocketsAndSignals;
  return all;
}

// A confined child has no file to write to; what it says goes into a pipe.
constexpr std::uint64_t kMostWritten = 16U << 20;

// Where libraries, the loader and QEMU's modules are: files that come with packages.
constexpr std::array kLibraries = {"/lib",       "/lib64",         "/usr/lib",
                                   "/usr/lib64", "/usr/local/lib", "/nix/store"};

// "/opt/qemu/lib" for "/opt/qemu/bin/qemu-img". Empty if the program is in no such directory.
std::string libraries_beside(const std::string& program) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(program.c_str(), nullptr),
                                                         &std::free);
  const std::string path = real ? real.get() : "";
  const std::size_t bin = path.rfind("/bin/");
  if (bin == std::string::npos || path.find('/', bin + 5) != std::string::npos) return "";
  return path.substr(0, bin) + "/lib";
}

bool limit(__rlimit_resource resource, std::uint64_t most) {
  if (most == 0) return true;
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return false;
  now = {.rlim_cur = std::min<rlim_t>(now.rlim_cur, most),
         .rlim_max = std::min<rlim_t>(now.rlim_max, most)};
  return ::setrlimit(resource, &now) == 0;
}

// Of root's capabilities only the one to open files of others stays. The ruleset limits it to one
// file.
bool drop_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  const unsigned kept = sets[0].permitted & (1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH);
  sets = {};
  sets[0].permitted = sets[0].effective = kept;
  return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

}  // namespace

void refuse_confinement(const std::string& file, const std::string& need, int error) {
  throw Error(ErrorKind::kFailed, file, "cannot be isolated",
              fmt::format("this needs {}: {}", need, errno_text(error)));
}

ReadyConfinement::ReadyConfinement(Confinement confinement, const std::string& program)
    : confinement_(std::move(confinement)), filter_(system_call_filter()) {
  program_ = {.len = static_cast<unsigned short>(filter_.size()), .filter = filter_.data()};
  const std::string& file = confinement_.file;
  if (filter_.empty()) refuse_confinement(file, "x86-64 or 64-bit Arm", ENOSYS);
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  const RulesetAttributes attributes = everything(version);
  forbidden_ = attributes.files;
  const long ruleset =
      version < 0 ? -1 : ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  if (ruleset < 0)
    refuse_confinement(file, "Landlock (Linux 5.13 or later, switched on at boot)", errno);
  ruleset_ = UniqueFd(static_cast<int>(ruleset));

  struct stat status {};
  const bool is_device = ::stat(file.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
  if (!allow(file, is_device ? kReadFile | kIoctlOfDevice : kReadFile)) {
    throw system_error(file, "cannot be opened", errno);
  }
  allow(program, kReadFile | kExecute);
  for (const char* directory : kLibraries) allow(directory, kReadFile | kExecute);
  allow(libraries_beside(program), kReadFile | kExecute);
  allow("/etc/ld.so.cache", kReadFile);
  allow("/etc/ld.so.preload", kReadFile);
  allow("/dev/urandom", kReadFile);
  allow("/dev/null", kReadFile | kWriteFile);  // QEMU tries out file locks on it
}

bool ReadyConfinement::allow(const std::string& path, std::uint64_t access) {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd) return false;
  const landlock_path_beneath_attr rule{.allowed_access = access & forbidden_,
                                        .parent_fd = fd.get()};
  return ::syscall(SYS_landlock_add_rule, ruleset_.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ==
         0;
}

bool ReadyConfinement::enter(unsigned first_closed) const {
  return ::syscall(SYS_close_range, first_closed, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
         limit(RLIMIT_FSIZE, kMostWritten) && limit(RLIMIT_AS, confinement_.address_space) &&
         limit(RLIMIT_DATA, confinement_.private_memory) &&
         limit(RLIMIT_CPU, confinement_.cpu_seconds) &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::syscall(SYS_landlock_restrict_self, ruleset_.get(), 0) == 0 && drop_capabilities() &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program_) == 0;
}

}  // namespace qcow2stream
