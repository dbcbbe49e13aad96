// SPDX-License-Identifier: GPL-2.0-or-later

#include "base/errors.h"

#include <fmt/format.h>

#include <cctype>
#include <cstring>
#include <utility>

namespace qcow2stream {

Error::Error(ErrorKind kind, std::string name, std::string what_failed, std::string reason)
    : kind_(kind),
      name_(std::move(name)),
      what_failed_(std::move(what_failed)),
      reason_(std::move(reason)),
      message_(name_) {
  for (const std::string* part : {&what_failed_, &reason_}) {
    if (!part->empty()) message_ += (message_.empty() ? "" : ": ") + *part;
  }
  message_ = one_line(message_);
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '\n') {
      line += "\\n";
    } else if (code < 0x20 || code == 0x7f) {
      line += fmt::format("\\x{:02x}", code);
    } else {
      line += c;
    }
  }
  return line;
}

std::string errno_text(int number) {
  const char* description = ::strerrordesc_np(number);  // is never translated, and thread-safe
  std::string text = description != nullptr ? description : "error " + std::to_string(number);
  // "Input/output error" begins with a small letter then, but "RFS specific error" stays.
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0) {
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  }
  return text;
}

Error system_error(const std::string& name, const std::string& what_failed, int number) {
  Error error(ErrorKind::kFailed, name, what_failed, errno_text(number));
  error.with_errno(number);
  return error;
}

}  // namespace qcow2stream
