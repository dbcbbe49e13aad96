// SPDX-License-Identifier: GPL-2.0-or-later

#include "lists/json_bytes.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/errors.h"
#include "system/io.h"

namespace qcow2stream {

void JsonBytes::fill() {
  before_buffer_ += filled_;
  next_ = 0;
  filled_ = 0;
  const ssize_t n = uninterrupted([&] { return ::read(fd_, buffer_.data(), buffer_.size()); });
  if (n < 0) {
    throw system_error(name_, fmt::format("read at byte {} failed", before_buffer_), errno)
        .at(before_buffer_);
  }
  filled_ = static_cast<std::size_t>(n);
  refuse_zeros();
}

void JsonBytes::refuse_zeros() const {
  const auto* const end = buffer_.begin() + filled_;
  const auto* const zero = std::find(buffer_.begin(), end, '\0');
  if (zero == end) return;
  const auto at = before_buffer_ + static_cast<std::uint64_t>(zero - buffer_.begin()) + 1;
  throw Error(ErrorKind::kFailed, name_, fmt::format("byte {}: is not JSON", at), "a zero byte")
      .at(at);
}

void JsonBytes::refuse_token() const {
  throw Error(ErrorKind::kFailed, name_, fmt::format("byte {}", position()),
              fmt::format("more than {} bytes of a string, a number or white space", kMaxToken))
      .at(position());
}

}  // namespace qcow2stream
