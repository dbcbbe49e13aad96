// SPDX-License-Identifier: GPL-2.0-or-later

#include "floor/child.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "floor/move.h"
#include "floor/support.h"

extern char** environ;  // NOLINT: POSIX declares it nowhere

namespace bench {
namespace {

// The two ends of something: what is read from, and what is written to.
struct Ends {
  int read = -1;
  int write = -1;
};

Ends make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) fail("pipe");
  return {fds[0], fds[1]};
}

Ends make_socket_pair() {
  std::array<int, 2> fds{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()) != 0) fail("socketpair");
  return {fds[0], fds[1]};
}

// `in` and `out` become its standard input and output.
pid_t spawn(char** command, int in, int out) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  pid_t pid = -1;
  errno = ::posix_spawnp(&pid, command[0], &actions, nullptr, command, environ);
  if (errno != 0) fail(command[0]);
  ::posix_spawn_file_actions_destroy(&actions);
  return pid;
}

double to_seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Waits for the process and adds what it took. Returns its exit status as a shell would.
int add_usage(Report& report, pid_t pid) {
  int status = 0;
  rusage usage{};
  while (::wait4(pid, &status, 0, &usage) < 0) {
    if (errno != EINTR) fail("wait");
  }
  const int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  report.seconds("user_seconds", to_seconds(usage.ru_utime));
  report.seconds("system_seconds", to_seconds(usage.ru_stime));
  report.count("peak_rss_bytes", static_cast<std::uint64_t>(usage.ru_maxrss) * 1024);
  report.count("status", static_cast<std::uint64_t>(exit_status));
  return exit_status;
}

int finish(Report& report, pid_t pid, const Stopwatch& stopwatch) {
  const int status = add_usage(report, pid);
  report.seconds("seconds", stopwatch.seconds());
  report.print();
  return status == 0 ? 0 : 1;
}

// Waits until there is something to read, or the end.
void wait_readable(int fd) {
  pollfd poll_fd{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&poll_fd, 1, -1) < 0) {
    if (errno != EINTR) fail("poll");
  }
}

int drain(Report report, Ends ends, std::uint64_t (*discard)(int), char** command) {
  const Stopwatch stopwatch;
  const pid_t pid = spawn(command, STDIN_FILENO, ends.write);
  close_fd(ends.write);
  wait_readable(ends.read);
  report.seconds("first_byte_seconds", stopwatch.seconds());
  report.count("bytes", discard(ends.read));
  return finish(report, pid, stopwatch);
}

}  // namespace

int first_byte(char** command) {
  return drain(Report("first-byte"), make_pipe(), discard_pipe, command);
}

int drain_socket(char** command) {
  return drain(Report("drain-socket"), make_socket_pair(), discard_socket, command);
}

int time_to_cat(char** command) {
  std::array<char, 4> cat{"cat"};
  std::array<char*, 2> reader{cat.data(), nullptr};
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0) fail("/dev/null");
  const Ends pipe = make_pipe();

  const Stopwatch stopwatch;
  const pid_t writer_pid = spawn(command, STDIN_FILENO, pipe.write);
  const pid_t reader_pid = spawn(reader.data(), pipe.read, null);
  close_fd(pipe.read);
  close_fd(pipe.write);
  while (::waitpid(reader_pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  Report report("time-to-cat");
  return finish(report, writer_pid, stopwatch);
}

int time_only(char** command) {
  const Stopwatch stopwatch;
  const pid_t pid = spawn(command, STDIN_FILENO, STDOUT_FILENO);
  Report report("time");
  return finish(report, pid, stopwatch);
}

}  // namespace bench
