// SPDX-License-Identifier: GPL-2.0-or-later
//
// The filter lists what is allowed: everything that runs behind it is ours, so what that needs is
// known. What the C library does beside (a thread that ends, a lock, memory) is in the list; where
// another one does more, it is refused and has to do without.

#include "system/self_confinement.h"

#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>

#include "system/filter_assembler.h"
#include "system/landlock.h"
#include "system/rights.h"

namespace qcow2stream {
namespace {

// The limit for what is not trusted: what it needs by itself is a few tens of MiB.
constexpr std::uint64_t kMostMemory = 2ULL << 30;

constexpr unsigned kAllowedCalls[] = {
    // What it is given, and what it answers.
    SYS_pread64,
    SYS_recvfrom,
    SYS_sendto,
    // Memory, but for what kNotSo says.
    SYS_mmap,
    SYS_mprotect,
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    // Threads and time.
    SYS_futex,
    SYS_sched_yield,
    SYS_sysinfo,
    SYS_getpid,
    SYS_gettid,
    SYS_getrandom,
    SYS_clock_gettime,
    SYS_gettimeofday,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_set_robust_list,
    SYS_sigaltstack,
    SYS_exit,
    SYS_exit_group,
};

constexpr ArgumentRule kNotSo[] = {
    {SYS_mmap, 2, When::kSet, PROT_EXEC},
    {SYS_mmap, 3, When::kNotSet, MAP_ANONYMOUS},
    {SYS_mprotect, 2, When::kSet, PROT_EXEC},
};

// Bytes that the process can write to, as the kernel counts them for RLIMIT_DATA; 0 where that
// cannot be told.
std::uint64_t private_memory() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen("/proc/self/statm", "re"), [](std::FILE* f) { return std::fclose(f); });
  std::array<unsigned long long, 6> pages{};
  if (file == nullptr || std::fscanf(file.get(), "%llu %llu %llu %llu %llu %llu", pages.data(),
                                     &pages[1], &pages[2], &pages[3], &pages[4], &pages[5]) != 6) {
    return 0;
  }
  return pages[5] * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

bool forbid_files_and_rights() {
  const std::uint64_t memory = private_memory() + kMostMemory;
  const LandlockRuleset nothing = forbid_everything();
  return nothing.fd && lower_limit(RLIMIT_FSIZE, 0) && lower_limit(RLIMIT_CORE, 0) &&
         lower_limit(RLIMIT_DATA, memory) && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         enter_landlock(nothing) && keep_capabilities(0);
}

bool allow_computing_only(bool threads) {
  if (kFilteredArchitecture == 0) {
    errno = ENOSYS;
    return false;
  }
  FilterAssembler program;
  program.check_architecture();
  for (const ArgumentRule& rule : kNotSo) program.refuse(rule);
  if (threads) {
    program.refuse({SYS_clone, 0, When::kNotSet, CLONE_THREAD});
    program.answer(SYS_clone, SECCOMP_RET_ALLOW);
    program.answer(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);  // what is asked for lies in memory
  }
  for (const unsigned call : kAllowedCalls) program.answer(call, SECCOMP_RET_ALLOW);
  program.result(kRefuseCall);
  std::vector<sock_filter> filter = program.take();
  const sock_fprog loaded{.len = static_cast<unsigned short>(filter.size()),
                          .filter = filter.data()};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &loaded) == 0;
}

}  // namespace qcow2stream
