// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/tell.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/errors.h"
#include "qcow2stream/trace.h"

namespace qcow2stream {
namespace {

// How many different lines are remembered. What comes after them may be told again.
constexpr std::size_t kMostToldLines = 1000;

// The only place where the library writes to standard error, and only if the environment has
// QCOW2STREAM_TRACE=1. It is one call, so that the line does not mix with what others write.
void print_line(std::string_view line) {
  const std::string text = fmt::format("qcow2stream: {}\n", line);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

TraceSink sink_of_environment() {
  const char* value = std::getenv("QCOW2STREAM_TRACE");
  return value != nullptr && std::string_view(value) == "1" ? TraceSink(print_line) : TraceSink();
}

struct Trace {
  std::mutex mutex;
  TraceSink sink = sink_of_environment();
  std::set<std::string, std::less<>> told;
  std::atomic<bool> is_on = static_cast<bool>(sink);
};

// Never destroyed: threads may still tell something while the process ends.
Trace& trace() {
  static Trace& state = *new Trace;
  return state;
}

}  // namespace

void set_trace(TraceSink sink) {
  Trace& state = trace();
  const std::lock_guard lock(state.mutex);
  state.sink = std::move(sink);
  state.told.clear();
  state.is_on = static_cast<bool>(state.sink);
}

void tell(std::string_view name, std::string_view refused, std::string_view why,
          std::string_view instead) noexcept {
  try {
    Trace& state = trace();
    if (!state.is_on) return;
    const std::string line = one_line(fmt::format("{}: {}: {}; {}", name, refused, why, instead));
    const std::lock_guard lock(state.mutex);
    if (!state.sink || state.told.contains(line)) return;
    if (state.told.size() < kMostToldLines) state.told.insert(line);
    state.sink(line);
  } catch (const std::exception&) {
    // There is no memory for a line that nothing depends on.
  }
}

void tell(std::string_view name, std::string_view refused, int error,
          std::string_view instead) noexcept {
  try {
    if (trace().is_on) tell(name, refused, errno_text(error), instead);
  } catch (const std::exception&) {
    // There is no memory for a line that nothing depends on.
  }
}

}  // namespace qcow2stream
