// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/option_values.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "common/size.h"
#include "common/usage_error.h"
#include "system/fd.h"

namespace qcow2stream::cli {
namespace {

constexpr unsigned kMaxThreads = 1024;
constexpr unsigned kMaxConnections = 64;
constexpr unsigned kMaxRequests = 1024;
constexpr unsigned kMaxTimeout = 1'000'000;

[[noreturn]] void refuse_stdout(const char* value, std::string_view carried) {
  bad_value(value, fmt::format("is standard output, which carries {}", carried));
}

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

unsigned threads_value(const char* value) {
  const unsigned number = number_value(value);
  if (number > kMaxThreads) bad_value(value, fmt::format("is more than {}", kMaxThreads));
  return number;
}

unsigned connections_value(const char* value) {
  return count_value(value, kMaxConnections);
}

unsigned requests_value(const char* value) {
  return count_value(value, kMaxRequests);
}

std::chrono::seconds timeout_value(const char* value) {
  return std::chrono::seconds(count_value(value, kMaxTimeout));
}

std::string side_file_value(const char* value, std::string_view carried) {
  const std::string_view word(value);
  if (word == "/dev/stdout" || word == "/dev/fd/1" || word == "/proc/self/fd/1") {
    refuse_stdout(value, carried);
  }
  return path_value(value);
}

int progress_fd_value(const char* value, std::string_view carried) {
  if (number_value(value) == STDOUT_FILENO) refuse_stdout(value, carried);
  return writable_fd_value(value);
}

std::string report_value(const char* value, std::string_view carried) {
  const std::string_view word(value);
  const bool is_number =
      !word.empty() && word.find_first_not_of("0123456789") == std::string_view::npos;
  return is_number ? fmt::format("/dev/fd/{}", progress_fd_value(value, carried))
                   : side_file_value(value, carried);
}

}  // namespace qcow2stream::cli
