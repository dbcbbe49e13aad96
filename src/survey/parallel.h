// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "survey/work.h"
#include "system/cores.h"
#include "system/tell.h"

namespace qcow2stream {

// How many threads a survey has that works rather than waits. 0 means one a core.
inline unsigned threads_to_work(unsigned wanted) {
  return wanted != 0 ? wanted : cores();
}

// Runs `worker` in `threads` threads, the calling one among them. The first exception stops the
// others and is thrown when all have ended.
template <class Worker>
void run_parallel(unsigned threads, SurveyWork& work, const Worker& worker) {
  std::mutex mutex;
  std::exception_ptr first_error;
  const auto guarded = [&] {
    try {
      worker();
    } catch (...) {
      work.stop();
      const std::lock_guard lock(mutex);
      if (!first_error) first_error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> others;
    try {
      for (unsigned i = 1; i < threads; ++i) others.emplace_back(guarded);
    } catch (const std::exception& error) {
      // The system has no more threads, or no memory for them: fewer do the same work.
      tell("survey", "another thread", error.what(),
           std::to_string(others.size() + 1) + " do the same work");
    }
    guarded();
  }
  if (first_error) std::rethrow_exception(first_error);
}

}  // namespace qcow2stream
