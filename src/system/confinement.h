// SPDX-License-Identifier: GPL-2.0-or-later
//
// Confines a child that reads an image which somebody else may have written. Such an image may name
// other files and servers, as formats allow it to, and it may try to take the child over through a
// bug. So the child may read one file and what programs are made of, and reach nothing else.
// Landlock keeps it from other files, and a filter of system calls from the network, from other
// processes and from the rest. Both last through exec and cannot be taken back.

#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <vector>

#include "system/landlock.h"

namespace qcow2stream {

// What a confined child may use. A limit of 0 stands for our own limit.
struct Confinement {
  std::string file;                  // the file or block device that it may read
  std::uint64_t address_space = 0;   // bytes
  std::uint64_t private_memory = 0;  // bytes that it can write to and shares with nobody
  std::uint64_t cpu_seconds = 0;
};

// A confinement made ready to be entered between fork and exec.
class ReadyConfinement {
 public:
  // `program` is the path of what will be executed. The child may read and execute it and the
  // system's libraries. Throws Error{kFailed} with the name of the file if the kernel has no
  // Landlock or there is no such file.
  ReadyConfinement(Confinement confinement, const std::string& program);

  // To be called in the child. From then on this process and what it executes are confined, and
  // exec closes all descriptors from `first_closed` on. Makes system calls only. False, with errno,
  // if the kernel refuses.
  [[nodiscard]] bool enter(unsigned first_closed) const;

 private:
  // False, with errno, if the file cannot be opened.
  bool allow(const std::string& path, std::uint64_t access);

  Confinement confinement_;
  LandlockRuleset rules_;
  std::vector<sock_filter> filter_;
  sock_fprog program_{};  // filter_ as the kernel wants it
};

// What a kernel needs to confine a process, in words.
inline constexpr const char* kNeedsLandlock = "Landlock (Linux 5.13 or later, switched on at boot)";
inline constexpr const char* kNeedsFilters = "Landlock and seccomp filters";
inline constexpr const char* kNeedsProcessor = "x86-64 or 64-bit Arm";

// Throws Error{kFailed}, which says that the kernel would need `need`.
[[noreturn]] void refuse_confinement(const std::string& file, const std::string& need, int error);

}  // namespace qcow2stream
