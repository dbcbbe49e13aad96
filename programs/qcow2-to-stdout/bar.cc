// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the bar looks like:
//   disk.raw  writing  42% [==========>             ]  1.9 / 4.6 GiB  1.2 GiB/s  0:02 left

#include "qcow2-to-stdout/bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/size.h"

namespace qcow2stream::cli {
namespace {

constexpr std::size_t kSmallestBar = 8;
constexpr std::size_t kWidestBar = 50;
constexpr std::size_t kWidestTitle = 24;

std::string shorten(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : "..." + text.substr(text.size() - (width - 3));
}

std::string drawn_bar(unsigned percent, std::size_t width) {
  const std::size_t filled = width * percent / 100;
  std::string bar(filled, '=');
  if (filled < width) bar += '>';
  bar.resize(width, ' ');
  return fmt::format("[{}]", bar);
}

}  // namespace

std::string format_duration(std::chrono::seconds duration) {
  const auto seconds = duration.count();
  if (seconds >= 3600) {
    return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  }
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

namespace {

// A stream that says when it has ended, and not before.
std::string line_without_end(const ProgressState& state, unsigned width) {
  std::string line = fmt::format("{}  {}  {}", shorten(state.title, kWidestTitle), state.step,
                                 format_size(state.done));
  if (state.bytes_per_second >= 1) {
    line += fmt::format("  {}/s", format_size(static_cast<std::uint64_t>(state.bytes_per_second)));
  }
  return line.substr(0, width);
}

}  // namespace

std::string bar_line(const ProgressState& state, unsigned width) {
  if (state.total == 0) return line_without_end(state, width);
  const std::string left =
      fmt::format("{}  {}  {:3}%", shorten(state.title, kWidestTitle), state.step, state.percent);
  std::string right = fmt::format("{} / {}", format_size(state.done), format_size(state.total));
  if (state.bytes_per_second >= 1) {
    const double seconds = static_cast<double>(state.total - state.done) / state.bytes_per_second;
    right += fmt::format("  {}/s", format_size(static_cast<std::uint64_t>(state.bytes_per_second)));
    // Days of waiting are not a prediction.
    if (seconds < 100 * 3600.0) {
      const std::chrono::seconds rest(std::llround(seconds));
      right += fmt::format("  {} left", format_duration(rest));
    }
  }
  // From the most to the least that fits.
  const std::size_t around_bar = left.size() + right.size() + 6;
  if (width >= around_bar + kSmallestBar) {
    const std::size_t bar = std::min(kWidestBar, width - around_bar);
    return fmt::format("{} {}  {}", left, drawn_bar(state.percent, bar), right);
  }
  if (width >= left.size() + 2 + right.size()) return fmt::format("{}  {}", left, right);
  return left.substr(0, width);
}

}  // namespace qcow2stream::cli
