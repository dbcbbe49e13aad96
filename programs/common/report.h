// SPDX-License-Identifier: GPL-2.0-or-later
//
// --report: what happens, for programs. JSON, one object a line; man page, "REPORT".

#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/progress_state.h"
#include "common/side_file.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/salvage.h"

namespace qcow2stream::cli {

// Thread-safe. Once a line cannot be written, the rest is dropped: the image is worth more.
class Report {
 public:
  // Opens `file`, one of the ends, and empties it. Throws Error.
  Report(const std::string& file, Ends& ends);

  // What is going to be written: `measured` as --measure=json has it, or what is known of an image
  // that is restored.
  void plan(const nlohmann::ordered_json& measured);
  // May be called as often as one likes.
  void progress(const ProgressState& state);
  // What could not be read.
  void lost(const LostRange& lost);
  // The last line; whatever comes after it is dropped. `message` is empty after success, and
  // digests are there only then.
  void end(int status, std::uint64_t bytes, std::string_view message,
           std::span<const Digest> digests);

 private:
  void write_line(const nlohmann::ordered_json& line);

  std::mutex mutex_;
  SideFile file_;
  bool closed_ = false;  // nothing more is written
  std::optional<ProgressState> last_;
  std::chrono::steady_clock::time_point last_time_;
};

}  // namespace qcow2stream::cli
