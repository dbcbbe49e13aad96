// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the bar looks like:
//   disk.raw  writing   42% [==========>             ]  1.9 GiB  1.2 GiB/s  0:02 left

#include "common/bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "common/size.h"

namespace qcow2stream::cli {
namespace {

constexpr std::size_t kSmallestBar = 10;
constexpr std::size_t kWidestBar = 50;

// What there may be beside the bar, from the most to the least.
struct Frame {
  std::size_t title = 0;  // bytes at most
  bool step = false;
  bool bytes = false;
  bool rate = false;
  bool left = false;
};
constexpr auto kFrames = std::to_array<Frame>({
    {.title = 24, .step = true, .bytes = true, .rate = true, .left = true},
    {.title = 16, .step = true, .bytes = true, .rate = true, .left = true},
    {.title = 16, .step = true, .bytes = true, .left = true},
    {.title = 12, .step = true, .left = true},
    {.step = true, .left = true},
    {.left = true},
    {},
});

bool is_inside_character(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

// The end of it, which tells more than its beginning. No character of UTF-8 is cut in two.
std::string shorten(const std::string& text, std::size_t width) {
  if (text.size() <= width) return text;
  if (width <= 3) return "";
  std::size_t begin = text.size() - (width - 3);
  while (begin < text.size() && is_inside_character(text[begin])) ++begin;
  return "..." + text.substr(begin);
}

std::string first_columns(std::string text, std::size_t width) {
  if (text.size() <= width) return text;
  while (width > 0 && is_inside_character(text[width])) --width;
  text.resize(width);
  return text;
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

std::string rate_text(double bytes_per_second) {
  return fmt::format("  {}/s", format_size(static_cast<std::uint64_t>(bytes_per_second)));
}

// A stream that says when it has ended, and not before.
std::string line_without_end(const ProgressState& state, std::size_t width) {
  std::string line = fmt::format("{}  {}", state.step, format_size(state.done));
  if (state.bytes_per_second >= 1) line += rate_text(state.bytes_per_second);
  const std::string title = shorten(state.title, 24);
  if (title.size() + 2 + line.size() <= width) line = fmt::format("{}  {}", title, line);
  return first_columns(line, width);
}

// Days of waiting are not a prediction.
constexpr double kLongestWait = 100 * 3600.0;

std::string left_text(const ProgressState& state) {
  if (!state.is_last_step || state.bytes_per_second < 1) return "";
  const double seconds = static_cast<double>(state.total - state.done) / state.bytes_per_second;
  if (seconds >= kLongestWait) return "";
  return fmt::format("  {} left", format_duration(std::chrono::seconds(std::llround(seconds))));
}

std::string before_bar(const ProgressState& state, const Frame& frame) {
  std::string text = shorten(state.title, frame.title);
  if (!text.empty()) text += "  ";
  // The steps' names have the same length, so that the bar stays where it is.
  if (frame.step) text += fmt::format("{:<7}  ", state.step);
  return text + fmt::format("{:3}%", state.percent);
}

std::string behind_bar(const ProgressState& state, const Frame& frame) {
  std::string text;
  if (frame.bytes) text += "  " + format_size(state.done);
  if (frame.rate && state.bytes_per_second >= 1) text += rate_text(state.bytes_per_second);
  if (frame.left) text += left_text(state);
  return text;
}

// Room for what comes and goes while the bar runs, so that it keeps its length.
std::size_t room_behind_bar(const Frame& frame) {
  return (frame.bytes ? std::size_t{12} : 0) + (frame.rate ? 14 : 0) + (frame.left ? 14 : 0);
}

}  // namespace

std::string bar_line(const ProgressState& state, std::size_t width) {
  if (state.total == 0) return line_without_end(state, width);
  for (const Frame& frame : kFrames) {
    const std::string before = before_bar(state, frame);
    const std::size_t around = before.size() + 3 + room_behind_bar(frame);
    if (width < around + kSmallestBar) continue;
    const std::size_t bar = std::min(kWidestBar, width - around);
    return first_columns(
        fmt::format("{} {}{}", before, drawn_bar(state.percent, bar), behind_bar(state, frame)),
        width);
  }
  return first_columns(fmt::format("{}%", state.percent), width);
}

std::string last_line(const std::string& title, std::uint64_t written, double seconds,
                      std::size_t width) {
  std::string line = fmt::format("100%  {} in {:.1f} s", format_size(written), seconds);
  if (seconds > 0) {
    line += fmt::format(
        ", {}/s", format_size(static_cast<std::uint64_t>(static_cast<double>(written) / seconds)));
  }
  if (line.size() + 2 < width) {
    const std::string name = shorten(title, width - line.size() - 2);
    if (!name.empty()) line = fmt::format("{}  {}", name, line);
  }
  return first_columns(line, width);
}

}  // namespace qcow2stream::cli
