// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/progress_display.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <span>
#include <utility>

#include "base/errors.h"
#include "common/bar.h"
#include "common/terminal_line.h"
#include "system/io.h"

namespace qcow2stream::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kInterval{100};

// Without a terminal the bar is a line of its own so often.
constexpr unsigned kPercentPerLine = 10;

bool stdout_is_file_or_device() {
  struct stat status {};
  return ::fstat(STDOUT_FILENO, &status) == 0 &&
         (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode));
}

// Of a line in a file.
constexpr std::size_t kColumnsOfLine = 80;

// If it fails, nobody looks any more.
void write_all(int fd, std::string_view text) {
  write_full(fd, std::as_bytes(std::span(text)));
}

}  // namespace

bool bar_is_welcome() {
  return ::isatty(STDERR_FILENO) != 0 && stdout_is_file_or_device();
}

ProgressDisplay::ProgressDisplay(ProgressShown shown, const Progress& progress, Report* report)
    : shown_(std::move(shown)),
      progress_(progress),
      report_(report),
      watch_(shown_.title, shown_.shares, progress),
      terminal_(::isatty(STDERR_FILENO) != 0) {
  if (shown_.style != ProgressStyle::kNone || report_ != nullptr) {
    thread_ = std::thread([this] { run(); });
  }
}

ProgressDisplay::~ProgressDisplay() {
  if (!thread_.joinable()) return;
  stop();
  if (shown_.style == ProgressStyle::kBar) erase_terminal_line();
}

void ProgressDisplay::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ProgressDisplay::run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
    const ProgressState now = watch_.look();
    if (shown_.style == ProgressStyle::kBar) paint_bar(now);
    if (shown_.style == ProgressStyle::kLines) paint_lines(now.percent);
    if (report_ != nullptr) report_->progress(now);
  }
}

void ProgressDisplay::finish() {
  if (!thread_.joinable()) return;
  stop();
  if (shown_.style == ProgressStyle::kLines) {
    if (last_percent_ == ~0U) write_line(0);
    write_line(100);
  }
  if (shown_.style != ProgressStyle::kBar) return;
  const double seconds = std::chrono::duration<double>(steady_clock::now() - started_).count();
  const std::uint64_t written = progress_.emit_done;
  const std::size_t columns = terminal_ ? terminal_columns() : kColumnsOfLine;
  erase_terminal_line();
  write_all(STDERR_FILENO, last_line(one_line(shown_.title), written, seconds, columns) + "\n");
}

void ProgressDisplay::paint_bar(const ProgressState& now) {
  if (now.total == 0 && now.done == 0) return;
  if (terminal_) {
    paint_terminal_line(bar_line(now, terminal_columns()));
  } else if (last_percent_ == ~0U || now.percent >= last_percent_ + kPercentPerLine) {
    last_percent_ = now.percent - now.percent % kPercentPerLine;
    write_all(STDERR_FILENO, bar_line(now, kColumnsOfLine) + "\n");
  }
}

void ProgressDisplay::paint_lines(unsigned percent) {
  if (last_percent_ == ~0U || percent > last_percent_) {
    last_percent_ = percent;
    write_line(percent);
  }
}

void ProgressDisplay::write_line(unsigned percent) const {
  write_all(shown_.fd, fmt::format("{}/100\n", percent));
}

}  // namespace qcow2stream::cli
