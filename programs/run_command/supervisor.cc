// SPDX-License-Identifier: GPL-2.0-or-later

#include "run_command/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/errors.h"
#include "system/descriptor_number.h"
#include "system/process_tree.h"

namespace qcow2stream::cli {
namespace {

using std::chrono::steady_clock;

// To clean up after SIGTERM, or to end by itself.
constexpr std::chrono::seconds kGrace{10};
// After SIGKILL. Who is still there then cannot be killed by us.
constexpr std::chrono::seconds kKillGrace{2};

struct Setup {
  std::string command;
  UniqueFd control;
  UniqueFd read_end;
  UniqueFd write_end;
};

class SupervisorProcess {
 public:
  explicit SupervisorProcess(Setup setup) : setup_(std::move(setup)) {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    child_events_ = UniqueFd(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  void run() {
    for (;;) {
      reap();
      // Whoever it has left behind with its input could keep us writing for ever.
      if (has_failed()) end_command();
      if (is_done()) {
        answer(false);
        return;
      }
      wait();
      if (deadline_ && steady_clock::now() >= *deadline_) escalate();
    }
  }

 private:
  enum class State { kIdle, kRunning, kComplete, kNotWanted, kTold, kKilled, kLeft };

  void reap() {
    signalfd_siginfo info{};
    while (::read(child_events_.get(), &info, sizeof info) > 0) {
    }
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != shell_) continue;
      shell_ended_ = true;
      ending_.wait_status = status;
      ending_.by_itself = state_ <= State::kNotWanted;
    }
    alone_ = pid < 0;  // ECHILD
  }

  [[nodiscard]] bool has_failed() const {
    return state_ == State::kRunning && shell_ended_ && ending_.wait_status != 0;
  }

  [[nodiscard]] bool is_done() const {
    switch (state_) {
      case State::kIdle:
      case State::kRunning:
        return false;  // the shell may have left others behind who read
      case State::kComplete:
      case State::kNotWanted:
        return shell_ended_;
      default:
        return alone_;
    }
  }

  void wait() {
    std::array<pollfd, 2> events = {{{.fd = child_events_.get(), .events = POLLIN, .revents = 0},
                                     {.fd = setup_.control.get(), .events = POLLIN, .revents = 0}}};
    int milliseconds = -1;
    if (deadline_) {
      const auto rest =
          std::chrono::ceil<std::chrono::milliseconds>(*deadline_ - steady_clock::now());
      milliseconds = static_cast<int>(std::max<std::int64_t>(0, rest.count()));
    }
    ::poll(events.data(), events.size(), milliseconds);
    if (events[1].revents != 0) take_order();
  }

  void take_order() {
    Order order;
    if (::recv(setup_.control.get(), &order, sizeof order, 0) != sizeof order) {
      // Poll no more, but the answer may still be wanted: what has ended is one direction.
      lost_ = std::exchange(setup_.control, UniqueFd());
      end_command();
      return;
    }
    switch (order.kind) {
      case Order::Kind::kStart:
        start(order);
        break;
      case Order::Kind::kComplete:
        setup_.write_end = UniqueFd();
        state_ = State::kComplete;
        break;
      case Order::Kind::kNotWanted:
        state_ = State::kNotWanted;
        deadline_ = steady_clock::now() + kGrace;
        break;
    }
  }

  void start(const Order& order) {
    state_ = State::kRunning;
    const pid_t supervisor = ::getpid();
    shell_ = ::fork();
    if (shell_ == 0) become_command(order, supervisor);
    if (shell_ < 0) {
      shell_ended_ = true;
      ending_ = {.wait_status = 127 << 8, .by_itself = true};
    }
    setup_.read_end = UniqueFd();
  }

  [[noreturn]] void become_command(const Order& order, pid_t supervisor) const {
    // If somebody kills the supervisor itself.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != supervisor) ::_exit(127);
    const bool reads_file = order.image.front() != 0;
    // Standard input is the supervisor's own, which is empty, otherwise.
    if (!reads_file) ::dup2(setup_.read_end.get(), STDIN_FILENO);
    for (const int signal : {SIGPIPE, SIGXFSZ, SIGTERM, SIGCHLD}) ::signal(signal, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::setenv("size", fmt::format("{}", order.size).c_str(), 1);
    ::setenv("id", order.id.data(), 1);
    if (reads_file) ::setenv("image", order.image.data(), 1);
    ::execl("/bin/sh", "sh", "-c", setup_.command.c_str(), nullptr);
    ::_exit(127);
  }

  // Its input stays open, so that it does not see an end.
  void end_command() {
    if (state_ == State::kIdle) {
      state_ = State::kLeft;
      return;
    }
    state_ = State::kTold;
    deadline_ = steady_clock::now() + kGrace;
    if (!alone_) signal_descendants(SIGTERM, shell_ended_ ? 0 : shell_);
  }

  void escalate() {
    switch (state_) {
      case State::kNotWanted:
        end_command();
        break;
      case State::kTold:
        state_ = State::kKilled;
        deadline_ = steady_clock::now() + kKillGrace;
        signal_descendants(SIGKILL, shell_ended_ ? 0 : shell_);
        break;
      default:
        state_ = State::kLeft;
        deadline_.reset();
        answer(true);
    }
  }

  void answer(bool is_alive) {
    ending_.is_alive = is_alive;
    for (const UniqueFd* socket : {&setup_.control, &lost_}) {
      if (*socket) ::send(socket->get(), &ending_, sizeof ending_, MSG_NOSIGNAL);
    }
    setup_.control = UniqueFd();
    lost_ = UniqueFd();
  }

  Setup setup_;
  UniqueFd lost_;  // the control socket, when nothing more comes from there
  UniqueFd child_events_;
  State state_ = State::kIdle;
  pid_t shell_ = -1;
  bool shell_ended_ = false;
  bool alone_ = true;  // no process below this one
  Ending ending_;
  std::optional<steady_clock::time_point> deadline_;
};

[[noreturn]] void supervise(Setup setup) {
  // Not to be found under our name, by those who want to end us.
  ::prctl(PR_SET_NAME, "qcow2-run");
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::signal(SIGCHLD, SIG_DFL);
  if (const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC); null >= 0) {
    ::dup2(null, STDIN_FILENO);
    if (null > STDERR_FILENO) ::close(null);
  }
  SupervisorProcess process(std::move(setup));
  try {
    process.run();
  } catch (...) {
    // No memory. What there is above us on the stack belongs to the process that forked this one.
    ::_exit(1);
  }
  ::_exit(0);
}

using Pair = std::array<UniqueFd, 2>;

// The command has the standard descriptors, so ours lie above them.
Pair pair_above_standard(const std::array<int, 2>& fds) {
  Pair pair = {moved_up(UniqueFd(fds[0]), STDERR_FILENO + 1),
               moved_up(UniqueFd(fds[1]), STDERR_FILENO + 1)};
  if (!pair[0] || !pair[1]) throw system_error("--run", "cannot be started", errno);
  return pair;
}

}  // namespace

Supervisor start_supervisor(const std::string& command) {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) throw system_error("--run", "cannot be started", errno);
  Pair pipe = pair_above_standard(fds);
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    throw system_error("--run", "cannot be started", errno);
  }
  Pair sockets = pair_above_standard(fds);

  // It must outlive whatever ends us.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) {
    sockets[0] = UniqueFd();
    supervise({.command = command,
               .control = std::move(sockets[1]),
               .read_end = std::move(pipe[0]),
               .write_end = std::move(pipe[1])});
  }
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) throw system_error("--run", "cannot be started", error);
  return {.pid = pid, .control = std::move(sockets[0]), .input = std::move(pipe[1])};
}

void send_order(const Supervisor& supervisor, const Order& order) {
  static_cast<void>(::send(supervisor.control.get(), &order, sizeof order, MSG_NOSIGNAL));
}

std::optional<Ending> wait_for_ending(const Supervisor& supervisor) {
  Ending ending;
  ssize_t n = 0;
  // A supervisor whose command has failed may answer and go without our last order. The kernel
  // tells that first (ECONNRESET), and once; the answer is still there.
  do {
    n = ::recv(supervisor.control.get(), &ending, sizeof ending, 0);
  } while (n < 0 && (errno == EINTR || errno == ECONNRESET));
  if (n != sizeof ending) return std::nullopt;
  return ending;
}

}  // namespace qcow2stream::cli
