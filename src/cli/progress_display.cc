// SPDX-License-Identifier: GPL-2.0-or-later

#include "cli/progress_display.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/errors.h"
#include "cli/size.h"

namespace qcow2stream::cli {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kInterval{100};

// A survey that probes takes about a tenth of a run's time; one that reads nothing, none.
constexpr unsigned kSurveyShare = 10;

// One that compresses takes nearly all of it, as long as its results are kept.
constexpr unsigned kSurveyShareOfCompressing = 90;

// Standard input is read once to be kept and once to be written.
constexpr unsigned kSpoolShare = 50;
constexpr unsigned kSpoolShareOfMeasuring = 90;

// Without a terminal the bar is a line of its own so often.
constexpr unsigned kPercentPerLine = 10;

// How much one interval weighs in the rate that is shown.
constexpr double kSmoothing = 0.1;

bool stdout_is_file_or_device() {
  struct stat status {};
  return ::fstat(STDOUT_FILENO, &status) == 0 &&
         (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISCHR(status.st_mode));
}

ProgressStyle decide_style(const Options& options) {
  if (options.progress == ProgressStyle::kLines) return ProgressStyle::kLines;
  if (options.quiet) return ProgressStyle::kNone;
  if (options.progress != ProgressStyle::kAutomatic) return options.progress;
  // Into a pipe it would fight the reader's own bar.
  const bool show = ::isatty(STDERR_FILENO) != 0 && stdout_is_file_or_device();
  return show ? ProgressStyle::kBar : ProgressStyle::kNone;
}

Shares decide_shares(const Options& options) {
  const bool measure = options.action == Action::kMeasure;
  Shares shares{.spool = measure ? kSpoolShareOfMeasuring : kSpoolShare};
  if (options.image.compression) {
    shares.survey = measure ? 100 : kSurveyShareOfCompressing;
  } else if (options.scan == Scan::kZeros) {
    shares.survey = measure ? 100 : kSurveyShare;
  }
  return shares;
}

unsigned terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n <= 0) return;  // nobody looks any more
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

double fraction(std::uint64_t done, std::uint64_t total) {
  return total == 0 ? 0 : static_cast<double>(done) / static_cast<double>(total);
}

}  // namespace

BarState current_step(const Progress& progress) {
  BarState state{.step = "survey", .done = progress.survey_done, .total = progress.survey_total};
  if (progress.emit_total > 0) {
    state = {.step = "writing", .done = progress.emit_done, .total = progress.emit_total};
  } else if (progress.survey_total == 0 && progress.spool_done > 0) {
    state = {.step = "reading", .done = progress.spool_done, .total = progress.spool_total};
  }
  return state;
}

unsigned percent_done(const Progress& progress, Shares shares) {
  // Only what is known from its beginning has a share.
  const double spool_share = progress.spool_total > 0 ? shares.spool : 0;
  const double survey_share = (100 - spool_share) * shares.survey / 100;
  const double emit_share = 100 - spool_share - survey_share;
  const double spool = fraction(progress.spool_done, progress.spool_total);
  const double survey =
      progress.emit_total > 0 ? 1 : fraction(progress.survey_done, progress.survey_total);
  const double emit = fraction(progress.emit_done, progress.emit_total);
  return static_cast<unsigned>(spool * spool_share + survey * survey_share + emit * emit_share);
}

ProgressDisplay::ProgressDisplay(const Options& options, const Progress& progress)
    : options_(options),
      progress_(progress),
      style_(decide_style(options)),
      terminal_(::isatty(STDERR_FILENO) != 0),
      shares_(decide_shares(options)) {
  if (style_ == ProgressStyle::kBar || style_ == ProgressStyle::kLines) {
    thread_ = std::thread([this] { run(); });
  }
}

ProgressDisplay::~ProgressDisplay() {
  if (!thread_.joinable()) return;
  stop();
  if (style_ == ProgressStyle::kBar && terminal_) write_all(STDERR_FILENO, "\r\x1b[K");
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
    if (style_ == ProgressStyle::kBar) {
      paint_bar();
    } else {
      paint_lines();
    }
  }
}

void ProgressDisplay::finish() {
  if (!thread_.joinable()) return;
  stop();
  if (style_ == ProgressStyle::kLines) {
    if (last_percent_ == ~0U) write_line(0);
    write_line(100);
    return;
  }
  const double seconds = std::chrono::duration<double>(steady_clock::now() - started_).count();
  const std::uint64_t written = progress_.emit_done;
  std::string line = fmt::format("{}  100%  {} in {:.1f} s", one_line(disk_name(options_)),
                                 format_size(written), seconds);
  if (seconds > 0) {
    const auto rate = static_cast<std::uint64_t>(static_cast<double>(written) / seconds);
    line += fmt::format(", {}/s", format_size(rate));
  }
  write_all(STDERR_FILENO, fmt::format("{}{}\n", terminal_ ? "\r\x1b[K" : "", line));
}

BarState ProgressDisplay::state() {
  BarState state = current_step(progress_);
  state.title = one_line(disk_name(options_));
  // 100 belongs to the last line: until then the final checks may still fail.
  state.percent = std::min(99U, percent_done(progress_, shares_));
  if (state.total > 0) state.done = std::min(state.done, state.total);

  const auto now = steady_clock::now();
  if (state.step != last_step_) {
    last_step_ = state.step;
    last_done_ = 0;
    rate_ = 0;
  }
  const double elapsed = std::chrono::duration<double>(now - last_time_).count();
  if (elapsed > 0) {
    const double current = static_cast<double>(state.done - last_done_) / elapsed;
    rate_ = rate_ == 0 ? current : rate_ + kSmoothing * (current - rate_);
  }
  last_time_ = now;
  last_done_ = state.done;
  state.bytes_per_second = rate_;
  return state;
}

void ProgressDisplay::paint_bar() {
  const BarState now = state();
  if (now.total == 0 && now.done == 0) return;
  if (terminal_) {
    // One write a frame, the old line is overwritten and its rest erased: no flicker.
    write_all(STDERR_FILENO, fmt::format("\r{}\x1b[K", bar_line(now, terminal_width() - 1)));
  } else if (last_percent_ == ~0U || now.percent >= last_percent_ + kPercentPerLine) {
    last_percent_ = now.percent - now.percent % kPercentPerLine;
    write_all(STDERR_FILENO, bar_line(now, terminal_width()) + "\n");
  }
}

void ProgressDisplay::paint_lines() {
  const unsigned percent = std::min(99U, percent_done(progress_, shares_));
  if (last_percent_ == ~0U || percent > last_percent_) {
    last_percent_ = percent;
    write_line(percent);
  }
}

void ProgressDisplay::write_line(unsigned percent) const {
  write_all(options_.progress_fd, fmt::format("{}/100\n", percent));
}

}  // namespace qcow2stream::cli
