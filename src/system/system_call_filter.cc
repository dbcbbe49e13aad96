// SPDX-License-Identifier: GPL-2.0-or-later
//
// The filter lists what is refused, since what the C library and QEMU need differs between their
// versions. All calls from kFirstUnknown on are refused, so a new kernel adds none. What only root
// may do is not in the list, since a confined child has no such capabilities.

#include "system/system_call_filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace qcow2stream {
namespace {

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
constexpr unsigned kArchitecture = 0;
#endif

// This is fchmodat2 (Linux 6.6). From 424 on calls have the same number on all processors; those of
// x32 have higher ones.
constexpr unsigned kFirstUnknown = 452;

constexpr unsigned kRefuse = SECCOMP_RET_ERRNO | EACCES;
constexpr unsigned kNotThere = SECCOMP_RET_ERRNO | ENOSYS;

// These calls fail as if the kernel did not have them: what they are to do is written in memory,
// where a filter cannot look. Programs know kernels without them.
constexpr unsigned kAbsent[] = {SYS_clone3, SYS_openat2, SYS_io_uring_setup, SYS_io_uring_enter,
                                SYS_io_uring_register};

constexpr unsigned kRefused[] = {
    // Connections. Sockets that are open go on working.
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    // Other processes.
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_process_mrelease,
    SYS_kcmp,
    SYS_pidfd_open,
    SYS_pidfd_getfd,
    SYS_pidfd_send_signal,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_sched_setaffinity,
    SYS_migrate_pages,
    SYS_move_pages,
    SYS_setpgid,
    SYS_execveat,
    // Memory and messages that processes share by name.
    SYS_shmget,
    SYS_shmat,
    SYS_shmctl,
    SYS_semget,
    SYS_semctl,
    SYS_semop,
    SYS_semtimedop,
    SYS_msgget,
    SYS_msgctl,
    SYS_msgsnd,
    SYS_msgrcv,
    SYS_mq_open,
    SYS_mq_unlink,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    // What Landlock does not see, or not in all its versions.
    SYS_truncate,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_inotify_init1,
    SYS_inotify_add_watch,
    SYS_fanotify_init,
    SYS_fanotify_mark,
    // Other views of the system.
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_setns,
    SYS_unshare,
    // Parts of the kernel that no reader of images needs.
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_quotactl,
    SYS_quotactl_fd,
    SYS_syslog,
#if defined(__x86_64__)
    SYS_fork,
    SYS_vfork,
    SYS_creat,
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
    SYS_inotify_init,
#endif
};

enum class When { kEqual, kNotEqual, kSet, kNotSet };

// A call that is refused depending on one argument, of which only the lower half counts.
struct ArgumentRule {
  unsigned call;
  unsigned argument;
  When when;
  unsigned value;
};

constexpr ArgumentRule kRefusedByArgument[] = {
    {SYS_clone, 0, When::kNotSet, CLONE_THREAD},
    {SYS_openat, 2, When::kSet, O_TRUNC},
    {SYS_prctl, 0, When::kEqual, PR_SET_PDEATHSIG},
    {SYS_prlimit64, 0, When::kNotEqual, 0},
    // Signals that come with input.
    {SYS_fcntl, 1, When::kEqual, F_SETOWN},
    {SYS_fcntl, 1, When::kEqual, F_SETOWN_EX},
    {SYS_ioctl, 1, When::kEqual, FIOSETOWN},
    {SYS_ioctl, 1, When::kEqual, SIOCSPGRP},
    {SYS_ioctl, 1, When::kEqual, TIOCSTI},
#if defined(__x86_64__)
    {SYS_open, 1, When::kSet, O_TRUNC},
#endif
};

constexpr unsigned kNumber = offsetof(seccomp_data, nr);

class Assembler {
 public:
  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)); }
  void result(unsigned action) { add(BPF_RET | BPF_K, action); }
  // Compares, and skips so many instructions if the comparison holds, or if it does not.
  void compare(unsigned how, unsigned value, unsigned char skip_if, unsigned char skip_if_not) {
    add(BPF_JMP | BPF_K | how, value, skip_if, skip_if_not);
  }

  void refuse(unsigned call, unsigned action) {
    compare(BPF_JEQ, call, 0, 1);
    result(action);
  }

  void refuse(const ArgumentRule& rule) {
    const bool compares = rule.when == When::kEqual || rule.when == When::kNotEqual;
    const bool if_it_holds = rule.when == When::kEqual || rule.when == When::kSet;
    compare(BPF_JEQ, rule.call, 0, 4);
    load(offsetof(seccomp_data, args) + rule.argument * sizeof(std::uint64_t));
    compare(compares ? BPF_JEQ : BPF_JSET, rule.value, if_it_holds ? 0 : 1, if_it_holds ? 1 : 0);
    result(kRefuse);
    load(kNumber);
  }

  std::vector<sock_filter> take() { return std::move(program_); }

 private:
  void add(unsigned code, unsigned k, unsigned char jt = 0, unsigned char jf = 0) {
    program_.push_back({.code = static_cast<__u16>(code), .jt = jt, .jf = jf, .k = k});
  }

  std::vector<sock_filter> program_;
};

}  // namespace

std::vector<sock_filter> system_call_filter() {
  if (kArchitecture == 0) return {};
  Assembler program;
  program.load(offsetof(seccomp_data, arch));
  program.compare(BPF_JEQ, kArchitecture, 1, 0);
  program.result(SECCOMP_RET_KILL_PROCESS);
  program.load(kNumber);
  program.compare(BPF_JGE, kFirstUnknown, 0, 1);
  program.result(kNotThere);
  for (const unsigned call : kAbsent) program.refuse(call, kNotThere);
  for (const unsigned call : kRefused) program.refuse(call, kRefuse);
  for (const ArgumentRule& rule : kRefusedByArgument) program.refuse(rule);
  program.result(SECCOMP_RET_ALLOW);
  return program.take();
}

}  // namespace qcow2stream
