// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/lost_ranges.h"

#include <fmt/format.h>

#include "common/message.h"

namespace qcow2stream::cli {

void say_lost(const std::string& name, const LostRanges& lost, Report* report) {
  for (const LostRange& one : lost.all()) {
    message(fmt::format("{}: {} bytes at offset {} are lost: {}", name, one.range.length,
                        one.range.begin.value(), one.reason));
    if (report != nullptr) report->lost(one);
  }
}

}  // namespace qcow2stream::cli
