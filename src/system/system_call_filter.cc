// SPDX-License-Identifier: GPL-2.0-or-later
//
// The filter lists what is refused, since what the C library and QEMU need differs between their
// versions. All calls from kFirstUnknown on are refused, so a new kernel adds none. What only root
// may do is not in the list, since a confined child has no such capabilities.

#include "system/system_call_filter.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>

#include "system/filter_assembler.h"

namespace qcow2stream {
namespace {

// This is fchmodat2 (Linux 6.6). From 424 on calls have the same number on all processors; those of
// x32 have higher ones.
constexpr unsigned kFirstUnknown = 452;

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

}  // namespace

std::vector<sock_filter> system_call_filter() {
  if (kFilteredArchitecture == 0) return {};
  FilterAssembler program;
  program.check_architecture();
  program.answer_from(kFirstUnknown, kNotThere);
  for (const unsigned call : kAbsent) program.answer(call, kNotThere);
  for (const unsigned call : kRefused) program.answer(call, kRefuseCall);
  for (const ArgumentRule& rule : kRefusedByArgument) program.refuse(rule);
  program.result(SECCOMP_RET_ALLOW);
  return program.take();
}

}  // namespace qcow2stream
