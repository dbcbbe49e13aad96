// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which system calls of the program under test go wrong, and how: see fault_shim.cc.

#pragma once

#include <ctime>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace faults {

// Long enough for others to do what is waited for, in milliseconds.
inline constexpr int kMoment = 300;

// Where a call writes to or reads from.
enum class Target { kOther, kOutput, kFile };

// What a call is about to do. `length` may be made shorter.
struct Call {
  const char* name = "";
  std::size_t& length;
  std::int64_t offset = -1;        // in the disk
  Target target = Target::kOther;  // the one that is written to, if one is
  bool writes = false;
};

// Whether the call fails now (errno is set), or how long it may be. Thread-safe.
bool inject(const Call& call);
// For a call that has no length.
bool fails(const char* name, Target target = Target::kOther);

// What a call that lies says instead of the truth, now: "stay", "back", "beyond"; empty: the truth.
// An error that is injected instead is in errno, and the answer is "fails".
std::string_view lie(const char* name);

// So much has gone to the target. Returns `n`.
std::ptrdiff_t counted(Target target, std::ptrdiff_t n);

// How far a clock is off by now, in nanoseconds.
std::int64_t clock_offset(clockid_t clock);
// Lets this time go by at once, if waiting is to be skipped ("poll").
bool skips_waiting();
void skip(std::int64_t milliseconds);

// FAULT_FILE is a part of the name of the file that calls named file-... are about.
bool is_the_file(std::string_view path);

}  // namespace faults
