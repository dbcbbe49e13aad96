// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/confinement.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
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
#include "system/rights.h"
#include "system/system_call_filter.h"

namespace qcow2stream {
namespace {

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
  return most == 0 || lower_limit(resource, most);
}

// Of root's capabilities only those to open files of others stay. The ruleset limits them to one
// file.
constexpr std::uint32_t kKeptCapabilities = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;

}  // namespace

void refuse_confinement(const std::string& file, const std::string& need, int error) {
  throw Error(ErrorKind::kFailed, file, "cannot be isolated",
              fmt::format("this needs {}: {}", need, errno_text(error)));
}

ReadyConfinement::ReadyConfinement(Confinement confinement, const std::string& program)
    : confinement_(std::move(confinement)), filter_(system_call_filter()) {
  program_ = {.len = static_cast<unsigned short>(filter_.size()), .filter = filter_.data()};
  const std::string& file = confinement_.file;
  if (filter_.empty()) refuse_confinement(file, kNeedsProcessor, ENOSYS);
  rules_ = forbid_everything();
  if (!rules_.fd) refuse_confinement(file, kNeedsLandlock, errno);

  struct stat status {};
  const bool is_device = ::stat(file.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
  if (!allow(file, is_device ? kLandlockReadFile | kLandlockIoctlOfDevice : kLandlockReadFile)) {
    throw system_error(file, "cannot be opened", errno);
  }
  allow(program, kLandlockReadFile | kLandlockExecute);
  for (const char* directory : kLibraries) allow(directory, kLandlockReadFile | kLandlockExecute);
  allow(libraries_beside(program), kLandlockReadFile | kLandlockExecute);
  allow("/etc/ld.so.cache", kLandlockReadFile);
  allow("/etc/ld.so.preload", kLandlockReadFile);
  allow("/dev/urandom", kLandlockReadFile);
  allow("/dev/null", kLandlockReadFile | kLandlockWriteFile);  // QEMU tries out file locks on it
}

// It changes what the kernel has.
// NOLINTNEXTLINE(readability-make-member-function-const)
bool ReadyConfinement::allow(const std::string& path, std::uint64_t access) {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd) return false;
  const landlock_path_beneath_attr rule{.allowed_access = access & rules_.handled,
                                        .parent_fd = fd.get()};
  return ::syscall(SYS_landlock_add_rule, rules_.fd.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ==
         0;
}

bool ReadyConfinement::enter(unsigned first_closed) const {
  return ::syscall(SYS_close_range, first_closed, ~0U, CLOSE_RANGE_CLOEXEC) == 0 &&
         limit(RLIMIT_FSIZE, kMostWritten) && limit(RLIMIT_AS, confinement_.address_space) &&
         limit(RLIMIT_DATA, confinement_.private_memory) &&
         limit(RLIMIT_CPU, confinement_.cpu_seconds) &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && enter_landlock(rules_) &&
         keep_capabilities(kKeptCapabilities) &&
         ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program_) == 0;
}

}  // namespace qcow2stream
