// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2/unreadable.h"

#include "qcow2stream/error.h"

namespace qcow2stream::qcow2 {

void throw_unreadable(const std::string& name, const std::string& reason) {
  throw Error(ErrorKind::kFailed, name, "cannot be read as qcow2", reason)
      .about(ErrorSubject::kDisk);
}

}  // namespace qcow2stream::qcow2
