// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writes filters for seccomp(2). A filter begins with check_architecture(), which leaves the number
// of the call loaded; all rules leave it so.

#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace qcow2stream {

#if defined(__x86_64__)
inline constexpr unsigned kFilteredArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
inline constexpr unsigned kFilteredArchitecture = AUDIT_ARCH_AARCH64;
#else
inline constexpr unsigned kFilteredArchitecture = 0;  // there is no filter for it
#endif

inline constexpr unsigned kRefuseCall = SECCOMP_RET_ERRNO | EACCES;

enum class When { kEqual, kNotEqual, kSet, kNotSet };

// A call that is refused depending on one argument, of which only the lower half counts.
struct ArgumentRule {
  unsigned call;
  unsigned argument;
  When when;
  unsigned value;
};

class FilterAssembler {
 public:
  void check_architecture() {
    load(offsetof(seccomp_data, arch));
    compare(BPF_JEQ, kFilteredArchitecture, 1, 0);
    result(SECCOMP_RET_KILL_PROCESS);
    load(kNumber);
  }
  // The answer to what no rule has answered before.
  void result(unsigned action) { add(BPF_RET | BPF_K, action); }

  void answer(unsigned call, unsigned action) {
    compare(BPF_JEQ, call, 0, 1);
    result(action);
  }

  void answer_from(unsigned first_call, unsigned action) {
    compare(BPF_JGE, first_call, 0, 1);
    result(action);
  }

  void refuse(const ArgumentRule& rule) {
    const bool compares = rule.when == When::kEqual || rule.when == When::kNotEqual;
    const bool if_it_holds = rule.when == When::kEqual || rule.when == When::kSet;
    compare(BPF_JEQ, rule.call, 0, 4);
    load(offsetof(seccomp_data, args) + rule.argument * sizeof(std::uint64_t));
    compare(compares ? BPF_JEQ : BPF_JSET, rule.value, if_it_holds ? 0 : 1, if_it_holds ? 1 : 0);
    result(kRefuseCall);
    load(kNumber);
  }

  std::vector<sock_filter> take() { return std::move(program_); }

 private:
  static constexpr std::size_t kNumber = offsetof(seccomp_data, nr);

  void load(std::size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<unsigned>(offset)); }
  // Compares, and skips so many instructions if the comparison holds, or if it does not.
  void compare(unsigned how, unsigned value, unsigned char skip_if, unsigned char skip_if_not) {
    add(BPF_JMP | BPF_K | how, value, skip_if, skip_if_not);
  }
  void add(unsigned code, unsigned k, unsigned char jt = 0, unsigned char jf = 0) {
    program_.push_back({.code = static_cast<__u16>(code), .jt = jt, .jf = jf, .k = k});
  }

  std::vector<sock_filter> program_;
};

}  // namespace qcow2stream
