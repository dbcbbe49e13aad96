// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/file_reads.h"

#include <fmt/format.h>

#include "base/errors.h"

namespace qcow2stream {

void throw_read_error(const std::string& name, GuestOffset offset, int error) {
  throw system_error(name, fmt::format("read at offset {} failed", offset.value()), error)
      .at(offset.value());
}

void throw_disk_changed(const std::string& name, const std::string& how) {
  throw Error(ErrorKind::kChanged, name, fmt::format("changed while it was read ({})", how), "");
}

void throw_disk_ended(const std::string& name, GuestOffset offset, std::uint64_t size) {
  throw_disk_changed(name, fmt::format("it ends at {} of {} bytes", offset.value(), size));
}

}  // namespace qcow2stream
