// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/source_errors.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "base/errors.h"
#include "system/fd.h"

namespace qcow2stream {

void check_open_for_reading(int fd, const std::string& name) {
  if (!is_open(fd)) {
    throw Error(ErrorKind::kFailed, name, "cannot be read", "it is not open")
        .about(ErrorSubject::kDisk);
  }
  if ((::fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
    throw Error(ErrorKind::kFailed, name, "cannot be read", "it is not open for reading")
        .about(ErrorSubject::kDisk);
  }
}

void throw_read_error(const std::string& name, GuestOffset offset, int error) {
  throw_read_error(name, offset, error, errno_text(error));
}

void throw_read_error(const std::string& name, GuestOffset offset, int error,
                      const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, fmt::format("read at offset {} failed", offset.value()),
              reason)
      .with_errno(error)
      .at(offset.value())
      .about(ErrorSubject::kDisk);
}

void throw_nothing_attached(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, "is empty", reason).about(ErrorSubject::kDisk);
}

namespace {

Error disk_changed(const std::string& name, const std::string& how) {
  return Error(ErrorKind::kChanged, name, fmt::format("changed while it was read ({})", how), "")
      .about(ErrorSubject::kDisk);
}

}  // namespace

void throw_disk_changed(const std::string& name, const std::string& how) {
  throw disk_changed(name, how);
}

void throw_disk_ended(const std::string& name, GuestOffset offset, std::uint64_t size) {
  throw disk_changed(name, fmt::format("it ends at {} of {} bytes", offset.value(), size))
      .at(offset.value());
}

}  // namespace qcow2stream
