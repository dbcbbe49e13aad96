// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/rights.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace qcow2stream {

bool lower_limit(__rlimit_resource resource, std::uint64_t most) {
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return false;
  now = {.rlim_cur = std::min<rlim_t>(now.rlim_cur, most),
         .rlim_max = std::min<rlim_t>(now.rlim_max, most)};
  return ::setrlimit(resource, &now) == 0;
}

bool keep_capabilities(std::uint32_t kept) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return false;
  kept &= sets[0].permitted;
  sets = {};
  sets[0].permitted = sets[0].effective = kept;
  return ::syscall(SYS_capset, &header, sets.data()) == 0;
}

}  // namespace qcow2stream
