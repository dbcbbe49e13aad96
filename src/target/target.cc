// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2stream/target.h"

namespace qcow2stream {

std::uint64_t Target::zeros_at(GuestOffset /*offset*/) const {
  return 0;
}

void Target::drop_cache() {}

std::optional<std::uint64_t> Target::room() const {
  return std::nullopt;
}

}  // namespace qcow2stream
