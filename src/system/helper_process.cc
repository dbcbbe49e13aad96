// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/helper_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/errors.h"
#include "system/descriptor_number.h"
#include "system/io.h"

namespace qcow2stream {
namespace {

// How long a process that has closed its socket has for ending, too.
constexpr int kWaits = 100;
constexpr std::chrono::milliseconds kWait{10};

struct SpawnActions {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  SpawnActions() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnActions() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
};

bool is_handed_on(std::string_view variable) {
  constexpr std::array<std::string_view, 5> kBegins = {
      "LD_", "ASAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=", "UBSAN_OPTIONS="};
  for (const std::string_view begin : kBegins) {
    if (variable.starts_with(begin)) return true;
  }
  return false;
}

std::vector<char*> handed_environment() {
  std::vector<char*> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (is_handed_on(*entry)) variables.push_back(*entry);
  }
  variables.push_back(nullptr);
  return variables;
}

}  // namespace

HelperProcess::HelperProcess(const std::string& program, UniqueFd socket) {
  // Not every machine has a /dev/null.
  UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) null = UniqueFd(::memfd_create("nothing", MFD_CLOEXEC));
  null = moved_up(std::move(null), kFirstAboveChild);
  socket = moved_up(std::move(socket), kFirstAboveChild);
  if (!null || !socket) throw system_error(program, "cannot be started", errno);

  SpawnActions how;
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    ::posix_spawn_file_actions_adddup2(&how.actions, null.get(), standard);
  }
  ::posix_spawn_file_actions_adddup2(&how.actions, socket.get(), kSocket);
  // In a process group of its own it does not hear what a terminal says to us, who end it.
  sigset_t signals;
  sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&how.attributes, &signals);
  sigfillset(&signals);
  ::posix_spawnattr_setsigdefault(&how.attributes, &signals);
  ::posix_spawnattr_setflags(
      &how.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::string name = program;
  const std::array<char*, 2> arguments = {name.data(), nullptr};
  const std::vector<char*> environment = handed_environment();
  const int error = ::posix_spawn(&pid_, program.c_str(), &how.actions, &how.attributes,
                                  arguments.data(), environment.data());
  if (error != 0) throw system_error(program, "cannot be started", error);
}

HelperProcess::~HelperProcess() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  uninterrupted([&] { return ::waitpid(pid_, nullptr, 0); });
}

std::string HelperProcess::how_it_ended() {
  const std::lock_guard lock(mutex_);
  for (int i = 0; i < kWaits && pid_ > 0; ++i) {
    int status = 0;
    const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0) {
      std::this_thread::sleep_for(kWait);
    } else {
      if (ended > 0) status_ = status;
      pid_ = -1;
    }
  }
  if (!status_) return "has closed its connection";
  if (WIFSIGNALED(*status_)) {
    return fmt::format("was ended by signal {} ({})", WTERMSIG(*status_),
                       ::sigdescr_np(WTERMSIG(*status_)));
  }
  return fmt::format("has ended with status {}", WEXITSTATUS(*status_));
}

}  // namespace qcow2stream
