// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <algorithm>
#include <thread>

namespace qcow2stream {

// How many processors this process may use; at least one, also where the system does not tell.
inline unsigned cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace qcow2stream
