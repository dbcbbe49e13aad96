// SPDX-License-Identifier: GPL-2.0-or-later
//
// Processes that a disk starts end with the thread that started them (PR_SET_PDEATHSIG), so that
// none outlives a process that is killed. A caller's thread may end long before: languages hand
// work to whatever thread is free. So a disk is opened in a thread that does nothing else but last.

#pragma once

#include <functional>
#include <future>
#include <thread>

namespace qcow2stream::c_api {

class LastingThread {
 public:
  // Runs `work` in a thread of its own and waits for it. Throws what it throws, or
  // std::system_error where there is no other thread to be had.
  explicit LastingThread(const std::function<void()>& work);
  // Ends the thread.
  ~LastingThread();
  LastingThread(const LastingThread&) = delete;
  LastingThread& operator=(const LastingThread&) = delete;

 private:
  void end();

  std::promise<void> done_;
  std::promise<void> end_;
  std::thread thread_;
};

}  // namespace qcow2stream::c_api
