// SPDX-License-Identifier: GPL-2.0-or-later

#include "cli/message.h"

#include <fmt/format.h>

#include <cstdio>

#include "base/errors.h"
#include "cli/options.h"

namespace qcow2stream::cli {

void message(std::string_view text) {
  const std::string line = fmt::format("{}: {}\n", kProgramName, one_line(text));
  static_cast<void>(std::fputs(line.c_str(), stderr));
}

}  // namespace qcow2stream::cli
