// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <string>
#include <vector>

namespace qcow2stream {

// Names for a message that says what there is, the first ones of many; `none` where there are none.
std::string join_names(const std::vector<std::string>& names, const std::string& none);

}  // namespace qcow2stream
