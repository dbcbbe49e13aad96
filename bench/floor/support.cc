// SPDX-License-Identifier: GPL-2.0-or-later

#include "floor/support.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

void append(std::vector<Run>& runs, Run run) {
  if (!runs.empty() && runs.back().end >= run.begin) {
    runs.back().end = std::max(runs.back().end, run.end);
  } else {
    runs.push_back(run);
  }
}

std::uint64_t total_length(const std::vector<Run>& runs) {
  std::uint64_t sum = 0;
  for (const Run& run : runs) sum += run.end - run.begin;
  return sum;
}

void fail_because(std::string_view what, std::string_view reason) {
  fmt::print(stderr, "floor: {}: {}\n", what, reason);
  std::exit(1);
}

void fail(std::string_view what) {
  fail_because(what, std::strerror(errno));
}

int open_disk(const char* path, int flags) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | flags);
  if (fd < 0) fail(path);
  return fd;
}

std::uint64_t size_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail("stat");
  if (!S_ISBLK(status.st_mode)) return static_cast<std::uint64_t>(status.st_size);
  std::uint64_t bytes = 0;
  if (::ioctl(fd, BLKGETSIZE64, &bytes) != 0) fail("size of the device");
  return bytes;
}

std::vector<Run> data_extents(int fd) {
  const std::uint64_t size = size_of(fd);
  std::vector<Run> extents;
  std::uint64_t at = 0;
  while (at < size) {
    const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    if (data < 0) return {{0, size}};  // not a file that has holes
    const off_t hole = ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0) fail("SEEK_HOLE");
    at = static_cast<std::uint64_t>(hole);
    append(extents, {static_cast<std::uint64_t>(data), at});
  }
  return extents;
}

void close_fd(int fd) {
  ::close(fd);
}

unsigned number(const char* text) {
  unsigned value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stop != end || value == 0) fail_because(text, "is not a number");
  return value;
}

Report::Report(std::string_view command) : line_(fmt::format(R"({{"floor": "{}")", command)) {}

Report& Report::text(std::string_view key, std::string_view value) {
  line_ += fmt::format(R"(, "{}": "{}")", key, value);
  return *this;
}

Report& Report::seconds(std::string_view key, double value) {
  line_ += fmt::format(R"(, "{}": {:.6f})", key, value);
  return *this;
}

Report& Report::count(std::string_view key, std::uint64_t value) {
  line_ += fmt::format(R"(, "{}": {})", key, value);
  return *this;
}

void Report::print() const {
  fmt::print(stderr, "{}}}\n", line_);
}

}  // namespace bench
