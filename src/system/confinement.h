// SPDX-License-Identifier: GPL-2.0-or-later
//
// For a child that reads an image which somebody else may have written. Such an image may name
// other files and servers, as formats allow it to, and it may try to take the child over through a
// bug. So the child may read one file and what programs are made of, and reach nothing else:
// Landlock sees to the files, a filter of system calls to the network, to other processes and the
// rest. Both last through exec and cannot be taken back.

#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <string>
#include <vector>

#include "system/fd.h"

namespace qcow2stream {

// What a confined child may use. A limit of 0: as much as we.
struct Confinement {
  std::string file;                  // may be read; also a block device
  std::uint64_t address_space = 0;   // bytes
  std::uint64_t private_memory = 0;  // bytes that can be written and are nobody else's
  std::uint64_t cpu_seconds = 0;
};

// A confinement made ready to be entered between fork and exec.
class ReadyConfinement {
 public:
  // `program` is the path of what will be executed. The child may read and execute it and the
  // system's libraries. Throws Error{kFailed} with the name of the file: a kernel without Landlock,
  // a file that is not there.
  ReadyConfinement(Confinement confinement, const std::string& program);

  // In the child: from now on this process and what it executes are confined, and exec closes all
  // descriptors from `first_closed` on. Makes system calls only. False, with errno, where the
  // kernel refuses.
  [[nodiscard]] bool enter(unsigned first_closed) const;

 private:
  // False, with errno, where the file cannot be opened.
  bool allow(const std::string& path, std::uint64_t access);

  Confinement confinement_;
  std::uint64_t forbidden_ = 0;  // ways to use files, as far as the kernel can forbid them
  UniqueFd ruleset_;
  std::vector<sock_filter> filter_;
  sock_fprog program_{};  // filter_ as the kernel wants it
};

// Throws Error{kFailed}: what the kernel would have to have.
[[noreturn]] void refuse_confinement(const std::string& file, const std::string& need, int error);

}  // namespace qcow2stream
