// SPDX-License-Identifier: GPL-2.0-or-later
//
// Signals are a thread's business of its own: so a run that waits for a silent server ends at once,
// and what is done about a signal may do more than a signal handler.

#pragma once

#include <csignal>
#include <functional>
#include <string_view>
#include <thread>

namespace qcow2stream::cli {

// SIGINT, SIGTERM and SIGHUP, unless the caller wants them ignored, and SIGUSR1. Blocked from here
// on in the calling thread and in those that it starts: to be called before there are others.
sigset_t block_watched_signals();

class SignalWatch {
 public:
  // `signals` as returned above. `before_death` is called with the number of a signal that ends the
  // program, which then takes its temporary names away and dies of it, even if the call does not
  // return; `on_usr1`, which must not wait for anybody, for each SIGUSR1. Both run in a thread of
  // their own.
  SignalWatch(const sigset_t& signals, std::function<void(int)> before_death,
              std::function<void()> on_usr1);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void run() const;
  [[noreturn]] void end_by(int signal) const;

  sigset_t signals_;
  std::function<void(int)> before_death_;
  std::function<void()> on_usr1_;
  std::thread thread_;
};

// "SIGTERM".
std::string_view signal_name(int signal);

}  // namespace qcow2stream::cli
