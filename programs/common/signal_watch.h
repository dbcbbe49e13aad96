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
  struct Callbacks {
    // Called with the number of a signal that ends the program, which then takes its temporary
    // names away and dies of it, even if the call does not return.
    std::function<void(int)> before_death;
    // For each SIGUSR1. It must not wait for anybody.
    std::function<void()> on_usr1;
    // Asked before `before_death`: whether the program ends in its own way, as it should, since it
    // was told so. It must not wait either. Empty: it does not.
    std::function<bool()> ends_by_itself;
  };

  // `signals` as returned above. The callbacks run in a thread of their own.
  SignalWatch(const sigset_t& signals, Callbacks callbacks);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void run() const;
  [[noreturn]] void end_by(int signal) const;

  sigset_t signals_;
  Callbacks callbacks_;
  std::thread thread_;
};

// "SIGTERM".
std::string_view signal_name(int signal);

}  // namespace qcow2stream::cli
