// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs a command in a kernel that refuses some system calls, as containers and old kernels do:
//   deny-syscalls ERRNO NAME[,NAME...] COMMAND [ARG...]
// e.g. deny-syscalls EPERM io_uring_setup qcow2-to-stdout disk.raw

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

const std::map<std::string, unsigned> kErrors = {{"EPERM", EPERM},
                                                 {"ENOSYS", ENOSYS},
                                                 {"EINVAL", EINVAL},
                                                 {"EXDEV", EXDEV},
                                                 {"EOPNOTSUPP", EOPNOTSUPP}};
const std::map<std::string, unsigned> kCalls = {
    {"io_uring_setup", SYS_io_uring_setup},
    {"splice", SYS_splice},
    {"sendfile", SYS_sendfile},
    {"copy_file_range", SYS_copy_file_range},
    {"preadv2", SYS_preadv2},
    {"fadvise64", SYS_fadvise64},
    {"landlock_create_ruleset", SYS_landlock_create_ruleset},
    {"landlock_restrict_self", SYS_landlock_restrict_self},
    {"seccomp", SYS_seccomp}};

sock_filter statement(unsigned code, unsigned k) {
  return {.code = static_cast<__u16>(code), .jt = 0, .jf = 0, .k = k};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || !kErrors.contains(argv[1])) {
    std::fputs("usage: deny-syscalls ERRNO NAME[,NAME...] COMMAND [ARG...]\n", stderr);
    return 2;
  }
  std::vector<sock_filter> filter = {
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  std::istringstream names(argv[2]);
  for (std::string name; std::getline(names, name, ',');) {
    if (!kCalls.contains(name)) {
      std::fprintf(stderr, "deny-syscalls: unknown system call %s\n", name.c_str());
      return 2;
    }
    filter.push_back({.code = BPF_JMP | BPF_JEQ | BPF_K, .jt = 0, .jf = 1, .k = kCalls.at(name)});
    filter.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | kErrors.at(argv[1])));
  }
  filter.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()),
                           .filter = filter.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    std::perror("deny-syscalls: seccomp");
    return 77;
  }
  ::execvp(argv[3], argv + 3);
  std::perror(argv[3]);
  return 127;
}
