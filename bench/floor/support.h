// SPDX-License-Identifier: GPL-2.0-or-later
//
// What all subcommands share: descriptors of the disk, time, and the line of JSON they end with.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// The default cluster size of qcow2, and what the comparisons are made with.
constexpr std::uint64_t kCluster = 65536;

// Bytes of the disk: [begin, end).
struct Run {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// Appends a run, as a part of the last one where they touch or overlap.
void append(std::vector<Run>& runs, Run run);
std::uint64_t total_length(const std::vector<Run>& runs);

// Prints "floor: WHAT: the error of errno" and ends the process with status 1.
[[noreturn]] void fail(std::string_view what);
// The same without errno.
[[noreturn]] void fail_because(std::string_view what, std::string_view reason);

// Opens for reading; `flags` are added to O_RDONLY | O_CLOEXEC.
int open_disk(const char* path, int flags = 0);
// Of a file or a block device.
std::uint64_t size_of(int fd);
// What the file system says is data, one run after the other. A block device is one run.
std::vector<Run> data_extents(int fd);
void close_fd(int fd);

// The whole string as a number from 1 on, or the end of the process.
unsigned number(const char* text);

class Stopwatch {
 public:
  [[nodiscard]] double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// One line of JSON on standard error, since standard output may carry data.
class Report {
 public:
  explicit Report(std::string_view command);
  Report& text(std::string_view key, std::string_view value);  // needs no escaping
  Report& seconds(std::string_view key, double value);
  Report& count(std::string_view key, std::uint64_t value);
  void print() const;

 private:
  std::string line_;
};

}  // namespace bench
