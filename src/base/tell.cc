// SPDX-License-Identifier: GPL-2.0-or-later

#include "base/tell.h"

#include <fmt/format.h>

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

// Different lines that are remembered; what comes after them may come again.
constexpr std::size_t kMostLines = 1000;

TraceSink sink_of_environment() {
  const char* value = std::getenv("QCOW2STREAM_TRACE");
  return value != nullptr && std::string_view(value) == "1" ? TraceSink(print_told_line)
                                                            : TraceSink();
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
    if (state.told.size() < kMostLines) state.told.insert(line);
    state.sink(line);
  } catch (const std::exception&) {
    // No memory for a line that nothing depends on.
  }
}

void tell(std::string_view name, std::string_view refused, int error,
          std::string_view instead) noexcept {
  try {
    if (trace().is_on) tell(name, refused, errno_text(error), instead);
  } catch (const std::exception&) {
    // As above.
  }
}

}  // namespace qcow2stream
