// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a process can still do that has confined itself: a child of the test tries, and says so in
// memory that both see, since it can write to nothing else.

#include "system/self_confinement.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "system/fd.h"

namespace qcow2stream {
namespace {

// What is tried, and which error number is the answer; 0: it works.
struct Attempt {
  const char* what;
  std::function<long()> call;
  int expected;
};

class SelfConfinementTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "what a sanitizer does for a process is more than this one may do";
#endif
  }

  // Of a child, what of the attempts it may do: an error number each. The last ones are those of a
  // thread that was there before. Empty, with `failure_`, where the kernel cannot confine it.
  std::vector<int> tried(const std::vector<Attempt>& attempts) {
    constexpr std::size_t kMost = 256;
    struct Shared {
      std::atomic<int> failure;
      std::array<std::atomic<int>, kMost> errors;
    };
    void* memory =
        ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    auto* shared = new (memory) Shared{};
    const pid_t child = ::fork();
    if (child == 0) {
      const auto all = [&](std::size_t first) {
        for (std::size_t i = 0; i < attempts.size(); ++i) {
          shared->errors[first + i] = attempts[i].call() < 0 ? errno : 0;
        }
      };
      std::atomic<bool> is_confined = false;
      std::atomic<bool> is_done = false;
      if (!forbid_files_and_rights()) {
        shared->failure = errno;
        ::_exit(1);
      }
      std::thread before([&] {
        while (!is_confined) std::this_thread::yield();
        all(attempts.size());
        is_done = true;
      });
      if (!allow_computing_only(false)) {
        shared->failure = errno;
        ::_exit(1);
      }
      all(0);
      is_confined = true;
      while (!is_done) std::this_thread::yield();
      ::_exit(0);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    failure_ = shared->failure;
    std::vector<int> errors;
    if (failure_ == 0) {
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
      for (std::size_t i = 0; i < 2 * attempts.size(); ++i) errors.push_back(shared->errors.at(i));
    }
    ::munmap(memory, sizeof(Shared));
    return errors;
  }

  void expect(const std::vector<Attempt>& attempts) {
    const auto errors = tried(attempts);
    if (failure_ != 0) GTEST_SKIP() << ::strerrorname_np(failure_);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      const Attempt& attempt = attempts.at(i % attempts.size());
      EXPECT_EQ(errors[i], attempt.expected)
          << attempt.what << (i < attempts.size() ? "" : ", in another thread");
    }
  }

  int failure_ = 0;
};

TEST_F(SelfConfinementTest, LeavesWhatComputingNeeds) {
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()), 0);
  std::array<char, 16> bytes{};
  expect({
      {"read", [&] { return ::pread(file.get(), bytes.data(), bytes.size(), 0); }, 0},
      {"send", [&] { return ::send(pair[0], "x", 1, MSG_NOSIGNAL); }, 0},
      {"receive", [&] { return ::recv(pair[1], bytes.data(), bytes.size(), 0); }, 0},
      {"take memory",
       [] {
         void* memory =
             ::mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return memory == MAP_FAILED ? -1L : static_cast<long>(::munmap(memory, 1 << 20));
       },
       0},
      {"wake",
       [] {
         int word = 0;
         return ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
       },
       0},
  });
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST_F(SelfConfinementTest, RefusesTheRest) {
  const UniqueFd file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  std::array<int, 2> pair{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  const pid_t parent = ::getpid();
  char x = 'x';
  const auto call = [](auto... arguments) {
    return [=] { return static_cast<long>(::syscall(arguments...)); };
  };
  expect({
      {"open", call(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0), EACCES},
      {"open itself", call(SYS_openat, AT_FDCWD, "/proc/self/mem", O_RDWR, 0), EACCES},
      {"openat2", call(SYS_openat2, AT_FDCWD, "/etc/passwd", nullptr, 0), EACCES},
      {"see a file", [&] { return ::access("/etc/passwd", F_OK); }, EACCES},
      {"write", [&] { return ::write(pair[0], &x, 1); }, EACCES},
      {"write at a place", [&] { return ::pwrite(file.get(), &x, 1, 0); }, EACCES},
      {"seek", [&] { return ::lseek(file.get(), 0, SEEK_SET); }, EACCES},
      {"lock", [&] { return ::fcntl(file.get(), F_GETFL); }, EACCES},
      {"copy a descriptor", [&] { return ::dup(file.get()); }, EACCES},
      {"control a device", [&] { return ::ioctl(file.get(), 0); }, EACCES},
      {"map a file",
       [&] {
         return ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file.get(), 0) == MAP_FAILED ? -1 : 0;
       },
       EACCES},
      {"execute memory",
       [] {
         return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                        MAP_FAILED
                    ? -1
                    : 0;
       },
       EACCES},
      {"send descriptors", call(SYS_sendmsg, pair[0], nullptr, 0), EACCES},
      {"make a socket", [] { return ::socket(AF_INET, SOCK_STREAM, 0); }, EACCES},
      {"make a socket of this machine", [] { return ::socket(AF_UNIX, SOCK_STREAM, 0); }, EACCES},
      {"connect", call(SYS_connect, pair[0], nullptr, 0), EACCES},
      {"execute", call(SYS_execve, "/bin/true", nullptr, nullptr), EACCES},
      {"make a process", call(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, 0), EACCES},
      {"make a thread", call(SYS_clone3, nullptr, 0), EACCES},
      {"signal its parent", [=] { return ::kill(parent, 0); }, EACCES},
      {"trace its parent", call(SYS_ptrace, 0x4206, parent, nullptr, nullptr), EACCES},
      {"read its parent's memory", call(SYS_process_vm_readv, parent, nullptr, 0, nullptr, 0, 0),
       EACCES},
      {"outlive its parent", [] { return ::prctl(PR_SET_PDEATHSIG, 0); }, EACCES},
      {"raise a limit", call(SYS_prlimit64, 0, RLIMIT_DATA, nullptr, nullptr), EACCES},
      {"io_uring", call(SYS_io_uring_setup, 1, nullptr), EACCES},
      {"make a namespace", [] { return ::unshare(CLONE_NEWUSER); }, EACCES},
      {"bpf", call(SYS_bpf, 0, nullptr, 0), EACCES},
      {"call what is newer", call(463), EACCES},
  });
  ::close(pair[0]);
  ::close(pair[1]);
}

}  // namespace
}  // namespace qcow2stream
