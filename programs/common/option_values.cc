// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/option_values.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "common/size.h"
#include "common/usage_error.h"
#include "system/fd.h"

namespace qcow2stream::cli {
namespace {

// Those of an open descriptor.
int flags_of(const char* value, unsigned number) {
  if (number > std::numeric_limits<int>::max() || !is_open(static_cast<int>(number))) {
    bad_value(value, "is not an open file descriptor");
  }
  return ::fcntl(static_cast<int>(number), F_GETFL);
}

}  // namespace

void bad_value(const char* value, std::string_view reason) {
  throw UsageError(fmt::format("'{}' {}", value, reason));
}

std::uint64_t size_value(const char* value) {
  try {
    return parse_size(value);
  } catch (const std::invalid_argument& error) {
    bad_value(value, error.what());
  }
}

unsigned number_value(const char* value) {
  unsigned number = 0;
  const char* end = value + std::strlen(value);
  const auto [stop, error] = std::from_chars(value, end, number);
  if (error != std::errc() || stop != end) bad_value(value, "is not a number");
  return number;
}

unsigned count_value(const char* value, unsigned most) {
  const unsigned number = number_value(value);
  if (number == 0 || number > most) bad_value(value, fmt::format("is not from 1 to {}", most));
  return number;
}

// The name of a block driver, as far as it can be told without QEMU.
std::string format_value(const char* value) {
  const std::string_view word(value);
  const auto is_name_character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  if (word.empty() || !std::ranges::all_of(word, is_name_character)) {
    bad_value(value, "is not the name of a format");
  }
  return std::string(word);
}

// Of an input: what can be opened as a file.
std::string fd_path_value(const char* value) {
  const unsigned number = number_value(value);
  const int flags = flags_of(value, number);
  if ((flags & O_ACCMODE) == O_WRONLY) bad_value(value, "is open for writing only");
  return fmt::format("/dev/fd/{}", number);
}

int writable_fd_value(const char* value) {
  const unsigned number = number_value(value);
  const int flags = flags_of(value, number);
  if ((flags & O_ACCMODE) == O_RDONLY) bad_value(value, "is open for reading only");
  return static_cast<int>(number);
}

std::string path_value(const char* value) {
  if (*value == 0) bad_value(value, "is not a name");
  return value;
}

std::string command_value(const char* value) {
  if (std::string_view(value).find_first_not_of(" \t\n") == std::string_view::npos) {
    bad_value(value, "is not a command");
  }
  return value;
}

}  // namespace qcow2stream::cli
