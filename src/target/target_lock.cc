// SPDX-License-Identifier: GPL-2.0-or-later

#include "target/target_lock.h"

#include "qcow2stream/error.h"
#include "system/qemu_locks.h"
#include "system/tell.h"

namespace qcow2stream {

void lock_target(int fd, const std::string& name, TargetUse use) {
  using Result = qemu_locks::Answer::Result;
  const auto role =
      use == TargetUse::kReadOnly ? qemu_locks::Role::kReader : qemu_locks::Role::kWriter;
  const qemu_locks::Answer answer = qemu_locks::take(fd, role);
  if (answer.result == Result::kInUse) {
    throw Error(ErrorKind::kFailed, name, "is in use", answer.reason)
        .about(ErrorSubject::kTarget)
        .advise(Advice::kForceShare);
  }
  if (answer.result == Result::kUnsupported) {
    tell(name, "QEMU's locks", answer.reason, "who else has it open is not known");
  }
}

}  // namespace qcow2stream
