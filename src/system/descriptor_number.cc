// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/descriptor_number.h"

#include <fcntl.h>

namespace qcow2stream {

UniqueFd moved_up(UniqueFd fd, int lowest) {
  return !fd || fd.get() >= lowest ? std::move(fd) : copied_up(fd.get(), lowest);
}

UniqueFd copied_up(int fd, int lowest) {
  return UniqueFd(fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, lowest));
}

}  // namespace qcow2stream
