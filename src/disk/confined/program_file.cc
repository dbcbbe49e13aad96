// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/confined/program_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <optional>
#include <vector>

#include "base/errors.h"
#include "qcow2stream/error.h"

namespace qcow2stream::confined {
namespace {

constexpr const char* kProgramFile = "qcow2stream-confined";

struct Executable {
  std::string directory;
  uid_t owner = 0;
};

// The program that runs now.
std::optional<Executable> running() {
  std::array<char, PATH_MAX> name{};
  const ssize_t length = ::readlink("/proc/self/exe", name.data(), name.size());
  struct stat status {};
  if (length <= 0 || ::stat("/proc/self/exe", &status) != 0) return std::nullopt;
  const std::string path(name.data(), static_cast<std::size_t>(length));
  return Executable{.directory = path.substr(0, path.rfind('/')), .owner = status.st_uid};
}

bool is_program(const std::string& path, std::optional<uid_t> owner) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0 &&
         (!owner || status.st_uid == *owner || status.st_uid == 0);
}

}  // namespace

// In the directory of the executable others might put files, too (/tmp): what lies there must
// belong to whom the executable belongs.
std::string program_file(const std::string& wanted, const std::string& image) {
  if (!wanted.empty()) return wanted;
  const char* variable = std::getenv("QCOW2STREAM_CONFINED");
  if (variable != nullptr && *variable != 0) return variable;
  if (const auto executable = running()) {
    for (const char* place : {"/", "/../libexec/qcow2-to-stdout/"}) {
      std::string path = executable->directory + place + kProgramFile;
      if (is_program(path, executable->owner)) return path;
    }
  }
  for (const char* directory : {QCOW2STREAM_LIBEXEC, "/usr/libexec/qcow2-to-stdout"}) {
    std::string path = fmt::format("{}/{}", directory, kProgramFile);
    if (is_program(path, std::nullopt)) return path;
  }
  throw Error(ErrorKind::kFailed, image, "cannot be isolated",
              fmt::format("there is no {}/{}", QCOW2STREAM_LIBEXEC, kProgramFile))
      .with_errno(ENOENT);
}

}  // namespace qcow2stream::confined
