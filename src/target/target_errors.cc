// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/target_errors.h"

#include <fmt/format.h>

#include "base/errors.h"
#include "qcow2stream/error.h"

namespace qcow2stream {

void throw_target_error(const std::string& name, const std::string& what_failed, int error) {
  throw system_error(name, what_failed, error).about(ErrorSubject::kTarget);
}

void throw_target_error(const std::string& name, const std::string& what_failed,
                        const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, what_failed, reason).about(ErrorSubject::kTarget);
}

void throw_write_error(const std::string& name, GuestOffset offset, int error) {
  throw system_error(name, fmt::format("write failed at offset {}", offset.value()), error)
      .about(ErrorSubject::kTarget)
      .at(offset.value());
}

void throw_target_read_error(const std::string& name, GuestOffset offset, int error) {
  throw system_error(name, fmt::format("read at offset {} failed", offset.value()), error)
      .about(ErrorSubject::kTarget)
      .at(offset.value());
}

void throw_too_small(const std::string& name, std::uint64_t size, std::uint64_t room) {
  throw_target_error(name, "is too small",
                     fmt::format("the disk has {} bytes, there is room for {}", size, room));
}

}  // namespace qcow2stream
