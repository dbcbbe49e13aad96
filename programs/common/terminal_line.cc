// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/terminal_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <span>
#include <string>

#include "system/io.h"

namespace qcow2stream::cli {
namespace {

// Where the terminal does not say.
constexpr std::size_t kUsualColumns = 80;

struct Painted {
  std::mutex mutex;
  std::size_t columns = 0;  // at most: bytes are counted
};

// There is one terminal.
Painted& painted() {
  static Painted state;
  return state;
}

bool knows_escapes() {
  const char* type = std::getenv("TERM");
  return type != nullptr && *type != 0 && std::string_view(type) != "dumb";
}

// If it fails, nobody looks any more.
void write_to_terminal(std::string_view text) {
  write_full(STDERR_FILENO, std::as_bytes(std::span(text)));
}

// One write a frame, the old line is overwritten and its rest erased: no flicker.
void paint(Painted& state, std::string_view line) {
  std::string frame = "\r" + std::string(line);
  if (knows_escapes()) {
    frame += "\x1b[K";
  } else if (state.columns > line.size()) {
    frame.append(state.columns - line.size(), ' ');
    frame += "\r" + std::string(line);
  }
  state.columns = line.size();
  write_to_terminal(frame);
}

}  // namespace

std::size_t terminal_columns() {
  winsize size{};
  const bool is_known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  // In the last column some terminals go on to the next line.
  return (is_known ? size.ws_col : kUsualColumns) - 1;
}

void paint_terminal_line(std::string_view line) {
  Painted& state = painted();
  const std::lock_guard lock(state.mutex);
  paint(state, line);
}

void erase_terminal_line() {
  Painted& state = painted();
  const std::lock_guard lock(state.mutex);
  if (state.columns > 0) paint(state, "");
}

}  // namespace qcow2stream::cli
