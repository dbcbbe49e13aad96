// SPDX-License-Identifier: GPL-2.0-or-later
//
// Tries what a hijacked program might, and says how the kernel answers, a line each:
//   try-calls FILE SECRET DIRECTORY DESCRIPTOR
// FILE may be read, SECRET not, DIRECTORY is one to make files in, and DESCRIPTOR was open in the
// process that started this one.

#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace {

void say(const char* what, long result) {
  std::printf("%s: %s\n", what, result >= 0 ? "yes" : ::strerrorname_np(errno));
}

void try_files(const std::string& file, const std::string& secret, const std::string& directory) {
  const auto in = [&](const char* name) { return directory + "/" + name; };
  say("read the file", ::open(file.c_str(), O_RDONLY));
  say("write the file", ::open(file.c_str(), O_WRONLY));
  say("truncate the file while opening", ::open(file.c_str(), O_RDONLY | O_TRUNC));
  say("truncate the file", ::truncate(file.c_str(), 0));
  say("change its mode", ::chmod(file.c_str(), 0777));
  say("change its times", ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0));
  say("change its attributes", ::setxattr(file.c_str(), "user.x", "", 0, 0));
  say("read a secret", ::open(secret.c_str(), O_RDONLY));
  say("read a secret by openat2", ::syscall(SYS_openat2, AT_FDCWD, secret.c_str(), nullptr, 0));
  say("make a file", ::open(in("new").c_str(), O_WRONLY | O_CREAT, 0666));
  say("make a directory", ::mkdir(in("new").c_str(), 0777));
  say("make a link", ::link(file.c_str(), in("new").c_str()));
  say("rename", ::rename(secret.c_str(), in("new").c_str()));
  say("remove", ::unlink(secret.c_str()));
  say("list a directory", ::open(directory.c_str(), O_RDONLY | O_DIRECTORY));
  say("read its own environment", ::open("/proc/self/environ", O_RDONLY));
  say("read its parent's memory",
      ::open(("/proc/" + std::to_string(::getppid()) + "/mem").c_str(), O_RDONLY));
  say("open the terminal", ::open("/dev/tty", O_RDWR));
}

void try_network() {
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_VSOCK}) {
    say("make a socket", ::socket(family, SOCK_STREAM, 0));
  }
  std::array<int, 2> pair{};
  say("make a pair of sockets", ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()));
  say("io_uring", ::syscall(SYS_io_uring_setup, 1, nullptr));
}

void try_processes() {
  const pid_t parent = ::getppid();
  say("signal its parent", ::kill(parent, 0));
  say("signal its group", ::kill(0, 0));
  say("queue a signal", ::syscall(SYS_rt_sigqueueinfo, parent, 0, nullptr));
  say("limit its parent", ::syscall(SYS_prlimit64, parent, RLIMIT_CPU, nullptr, nullptr));
  say("trace its parent", ::syscall(SYS_ptrace, PTRACE_SEIZE, parent, nullptr, nullptr));
  say("hold its parent", static_cast<long>(::syscall(SYS_pidfd_open, parent, 0)));
  say("outlive its parent", ::prctl(PR_SET_PDEATHSIG, 0));
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  say("make a process", child);
  say("make a namespace", ::unshare(CLONE_NEWUSER));
  say("shared memory", ::syscall(SYS_shmget, 0, 4096, 0600));
  int result = 0;
  std::thread([&result] { result = 1; }).join();
  say("make a thread", result);
}

void try_rights(int descriptor) {
  say("use a descriptor that nobody gave it", ::fcntl(descriptor, F_GETFD));
  say("call what is newer", ::syscall(463));
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> sets{};
  ::syscall(SYS_capget, &header, sets.data());
  const unsigned files = 1U << CAP_DAC_OVERRIDE | 1U << CAP_DAC_READ_SEARCH;
  errno = EPERM;
  say("other capabilities than to read files",
      ((sets[0].permitted & ~files) != 0 || sets[1].permitted != 0) ? 1 : -1);
  rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  std::printf("address space: %lld\n", static_cast<long long>(limit.rlim_cur));
  say("new privileges", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -1 : 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  try_files(argv[1], argv[2], argv[3]);
  try_network();
  try_processes();
  try_rights(std::atoi(argv[4]));
  return 0;
}
