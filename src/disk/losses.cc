// SPDX-License-Identifier: GPL-2.0-or-later

#include "disk/losses.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace qcow2stream {

bool is_lost_connection(int error) {
  constexpr std::array kLost = {ENOTCONN, ECONNRESET, ECONNABORTED, EPIPE, ESHUTDOWN, ETIMEDOUT};
  return std::ranges::find(kLost, error) != kLost.end();
}

bool is_loss(const Error& error) {
  const bool is_about_disk =
      error.subject() == ErrorSubject::kDisk || error.subject() == ErrorSubject::kOther;
  return error.kind() == ErrorKind::kFailed && is_about_disk && error.offset() &&
         !is_lost_connection(error.error_number());
}

}  // namespace qcow2stream
