// SPDX-License-Identifier: GPL-2.0-or-later

#include "restore/cover.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>
#include <span>

#include "base/errors.h"

namespace qcow2stream {

Cover::Cover() {
  // So few bytes come at once or not at all.
  if (::getrandom(key_.data(), key_.size(), 0) < 0) {
    throw system_error("random numbers", "cannot be had", errno);
  }
}

std::uint64_t Cover::number_of(GuestOffset at) {
  const std::uint64_t value = at.value();
  hash_.begin();
  hash_.update(key_);
  hash_.update(std::as_bytes(std::span(&value, 1)));
  const Sha256::Value digest = hash_.finish();
  std::uint64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number;
}

void Cover::add(GuestRange range) {
  sum_ += number_of(range.end()) - number_of(range.begin);
}

bool Cover::is_all_of(std::uint64_t disk_size) {
  return sum_ == number_of(GuestOffset(disk_size)) - number_of(GuestOffset(0));
}

}  // namespace qcow2stream
