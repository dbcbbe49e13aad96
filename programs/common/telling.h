// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <optional>

#include "common/progress_display.h"

namespace qcow2stream::cli {

// What is said while a program runs.
struct TellingJob {
  std::optional<ProgressStyle> progress;  // nothing: where it is welcome
  int progress_fd = -1;                   // kLines
  bool quiet = false;
  bool verbose = false;
};

// How progress is shown. `is_bar_welcome` counts where nothing was said about it.
inline ProgressStyle progress_style(const TellingJob& telling, bool is_bar_welcome) {
  if (telling.progress == ProgressStyle::kLines) return ProgressStyle::kLines;
  if (telling.quiet) return ProgressStyle::kNone;
  if (telling.progress) return *telling.progress;
  return is_bar_welcome ? ProgressStyle::kBar : ProgressStyle::kNone;
}

}  // namespace qcow2stream::cli
