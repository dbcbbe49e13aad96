// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/signal_watch.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <system_error>
#include <utility>

#include "system/temporary_name.h"

namespace qcow2stream::cli {
namespace {

// Wakes the thread when there is nothing more to watch. Nobody else sends it.
constexpr int kStop = SIGURG;

// For the last words, which may have to wait for whoever reads them.
constexpr std::chrono::seconds kLastWords{2};

bool is_ignored(int signal) {
  struct sigaction action {};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

[[noreturn]] void die_of(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
  static_cast<void>(std::raise(signal));
  ::_exit(128 + signal);
}

}  // namespace

sigset_t block_watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, kStop);
  // An ignored signal that is blocked would be kept, and watched.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    if (!is_ignored(signal)) sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

SignalWatch::SignalWatch(const sigset_t& signals, Callbacks callbacks)
    : signals_(signals), callbacks_(std::move(callbacks)), thread_([this] { run(); }) {}

SignalWatch::~SignalWatch() {
  pthread_kill(thread_.native_handle(), kStop);
  thread_.join();
}

void SignalWatch::run() const {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals_, &signal) != 0) continue;
    if (signal == kStop) return;
    if (signal == SIGUSR1) {
      callbacks_.on_usr1();
    } else if (!callbacks_.ends_by_itself || !callbacks_.ends_by_itself()) {
      end_by(signal);
    }
  }
}

void SignalWatch::end_by(int signal) const {
  try {
    std::thread([signal] {
      std::this_thread::sleep_for(kLastWords);
      remove_temporary_names();
      die_of(signal);
    }).detach();
    callbacks_.before_death(signal);
  } catch (const std::system_error&) {
    // No thread that would end us, so nothing is said that might be waited for.
  }
  remove_temporary_names();
  die_of(signal);
}

std::string_view signal_name(int signal) {
  switch (signal) {
    case SIGINT:
      return "SIGINT";
    case SIGTERM:
      return "SIGTERM";
    case SIGHUP:
      return "SIGHUP";
    default:
      return "a signal";
  }
}

}  // namespace qcow2stream::cli
