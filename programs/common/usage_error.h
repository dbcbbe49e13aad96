// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <stdexcept>

namespace qcow2stream::cli {

// What is wrong with the command line, with the option's name: one line.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace qcow2stream::cli
