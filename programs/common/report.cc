// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/report.h"

#include "base/hex.h"
#include "common/digest_text.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

using nlohmann::ordered_json;

constexpr std::chrono::milliseconds kReportInterval{500};

constexpr SideFileKind kReport = {.name = "a report", .is_old_one = [](std::string_view beginning) {
                                    return beginning.starts_with("{\"event\":");
                                  }};

}  // namespace

Report::Report(const std::string& file, Ends& ends) : file_(file, kReport, ends) {
  file_.begin();
  file_.keep();
}

void Report::plan(const ordered_json& measured) {
  ordered_json line = {{"event", "plan"}};
  line.update(measured);
  const std::lock_guard lock(mutex_);
  write_line(line);
}

void Report::progress(const ProgressState& state) {
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (last_ && now - last_time_ < kReportInterval) return;
  if (last_ && last_->step == state.step && last_->done == state.done) return;
  if (state.total == 0 && state.done == 0) return;
  last_ = state;
  last_time_ = now;
  ordered_json line = {{"event", "progress"},
                       {"percent", state.percent},
                       {"step", state.step},
                       {"done", state.done}};
  if (state.total > 0) line["total"] = state.total;
  write_line(line);
}

void Report::lost(const LostRange& lost) {
  const std::lock_guard lock(mutex_);
  write_line({{"event", "lost"},
              {"offset", lost.range.begin.value()},
              {"length", lost.range.length},
              {"reason", lost.reason}});
}

void Report::end(int status, std::uint64_t bytes, std::string_view message,
                 std::span<const Digest> digests) {
  ordered_json line = {{"event", "end"}, {"status", status}, {"bytes", bytes}};
  if (!message.empty()) line["message"] = message;
  if (!digests.empty()) line["digests"] = ordered_json::object();
  for (const Digest& digest : digests) {
    line["digests"][digest_name(digest.algorithm)] = {{"hex", hex(digest.value)},
                                                      {"base64", base64_text(digest.value)}};
  }
  const std::lock_guard lock(mutex_);
  write_line(line);
  closed_ = true;
}

void Report::write_line(const ordered_json& line) {
  if (closed_) return;
  try {
    // Names of files need not be UTF-8.
    file_.write(line.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  } catch (const Error&) {
    closed_ = true;
  }
}

}  // namespace qcow2stream::cli
