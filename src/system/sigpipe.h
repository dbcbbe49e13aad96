// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <csignal>
#include <ctime>

namespace qcow2stream {

// Holds SIGPIPE back in this thread, so that a closed pipe or socket is an error number. For
// sockets write() could be told so, but splice() and sendfile() cannot. The destructor leaves what
// the thread has blocked and pending as it was before.
class SigpipeGuard {
 public:
  SigpipeGuard() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  ~SigpipeGuard() {
    if (!was_pending_) {
      const timespec now{};
      while (sigtimedwait(&sigpipe_, nullptr, &now) > 0) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  SigpipeGuard(const SigpipeGuard&) = delete;
  SigpipeGuard& operator=(const SigpipeGuard&) = delete;

 private:
  sigset_t sigpipe_{};
  sigset_t before_{};
  bool was_pending_ = false;
};

}  // namespace qcow2stream
