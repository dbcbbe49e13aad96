// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/image_errors.h"

#include <fmt/format.h>

namespace qcow2stream {

void throw_not_streamed(const std::string& name, const std::string& reason, Advice advice) {
  throw Error(ErrorKind::kFailed, name, "cannot be restored from a stream", reason)
      .about(ErrorSubject::kImage)
      .advise(advice);
}

void throw_damaged(const std::string& name, HostOffset at, const std::string& reason) {
  throw Error(ErrorKind::kDamaged, name,
              fmt::format("the image is damaged at offset {}", at.value()), reason)
      .about(ErrorSubject::kImage)
      .at(at.value());
}

void throw_cut_off(const std::string& name, std::uint64_t length, const std::string& missing) {
  throw Error(ErrorKind::kDamaged, name, fmt::format("the image is cut off after {} bytes", length),
              missing)
      .about(ErrorSubject::kImage)
      .at(length);
}

}  // namespace qcow2stream
