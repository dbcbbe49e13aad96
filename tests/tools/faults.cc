// SPDX-License-Identifier: GPL-2.0-or-later

#include "faults.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace faults {
namespace {

const std::map<std::string, int> kErrors = {
    {"EINTR", EINTR},   {"EAGAIN", EAGAIN}, {"EINVAL", EINVAL},         {"EIO", EIO},
    {"ENOSPC", ENOSPC}, {"EXDEV", EXDEV},   {"ENOSYS", ENOSYS},         {"EPIPE", EPIPE},
    {"EBADF", EBADF},   {"EFBIG", EFBIG},   {"ECONNRESET", ECONNRESET}, {"EOPNOTSUPP", EOPNOTSUPP},
    {"EACCES", EACCES}, {"ENOLCK", ENOLCK}, {"EDQUOT", EDQUOT},         {"EROFS", EROFS},
    {"ESRCH", ESRCH},   {"ENXIO", ENXIO},   {"EBADFD", EBADFD}};

constexpr std::int64_t kBlock = 4096;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 86400 * kSecond;

enum class When { kCall, kFrom, kDiskByte, kWritten };

struct Fault {
  std::string call;
  std::string how;
  When when = When::kCall;
  std::int64_t number = 0;
  std::atomic<std::int64_t> seen = 0;
};

std::vector<Fault>& all() {
  static std::vector<Fault>& list = *[] {
    const char* const given = std::getenv("FAULTS");
    std::istringstream text(given != nullptr ? given : "");
    std::vector<std::string> words;
    for (std::string word; text >> word;) words.push_back(word);
    auto* made = new std::vector<Fault>(words.size());
    for (std::size_t i = 0; i < words.size(); ++i) {
      Fault& fault = (*made)[i];
      std::istringstream parts(words[i]);
      std::string when;
      std::getline(parts, fault.call, ':');
      std::getline(parts, when, ':');
      std::getline(parts, fault.how);
      if (when.ends_with('+')) fault.when = When::kFrom;
      if (when.starts_with('@')) fault.when = When::kDiskByte;
      if (when.starts_with('>')) fault.when = When::kWritten;
      fault.number = std::atoll(when.c_str() + (fault.when >= When::kDiskByte ? 1 : 0));
    }
    return made;
  }();
  return list;
}

// Written so far, to each target.
std::array<std::atomic<std::int64_t>, 3> written{};

std::atomic<std::int64_t> skipped = 0;  // nanoseconds

bool fits(const Fault& fault, const Call& call) {
  if (fault.call == call.name || (fault.call == "source" && call.offset >= 0)) return true;
  if (call.target == Target::kOther) return false;
  const std::string prefix = call.target == Target::kFile ? "file-" : "";
  return fault.call == prefix + call.name || (call.writes && fault.call == prefix + "output");
}

// Whether it goes wrong now. A call that begins before the place where things go wrong ends there.
bool is_due(const Fault& fault, const Call& call, std::int64_t n) {
  std::int64_t room = 0;
  switch (fault.when) {
    case When::kCall:
      return n == fault.number;
    case When::kFrom:
      return n >= fault.number;
    case When::kDiskByte:
      room = fault.number / kBlock * kBlock - call.offset;
      if (room <= -kBlock) return false;
      break;
    case When::kWritten:
      room = fault.number - written[static_cast<std::size_t>(call.target)];
      break;
  }
  if (room > 0) call.length = std::min(call.length, static_cast<std::size_t>(room));
  return room <= 0;
}

}  // namespace

bool inject(const Call& call) {
  for (Fault& fault : all()) {
    if (!fits(fault, call)) continue;
    const std::int64_t n = ++fault.seen;
    if (!is_due(fault, call, n)) continue;
    if (fault.how == "stall") {
      std::this_thread::sleep_for(std::chrono::minutes(1));
    } else if (fault.how == "late") {
      std::this_thread::sleep_for(std::chrono::milliseconds(kMoment));
    } else if (fault.how == "short") {
      call.length = std::max<std::size_t>(1, call.length / 2);
    } else if (fault.how == "storm") {
      if (n % 2 == 0) continue;
      errno = EINTR;
      return true;
    } else {
      errno = kErrors.at(fault.how);
      return true;
    }
  }
  return false;
}

bool fails(const char* name, Target target) {
  std::size_t length = 0;
  return inject({.name = name, .length = length, .target = target});
}

std::string_view lie(const char* name) {
  for (Fault& fault : all()) {
    std::size_t length = 0;
    if (fault.call != name || !is_due(fault, {.name = name, .length = length}, ++fault.seen))
      continue;
    const auto error = kErrors.find(fault.how);
    if (error == kErrors.end()) return fault.how;
    errno = error->second;
    return "fails";
  }
  return "";
}

std::ptrdiff_t counted(Target target, std::ptrdiff_t n) {
  if (n > 0) written[static_cast<std::size_t>(target)] += n;
  return n;
}

std::int64_t clock_offset(clockid_t clock) {
  for (Fault& fault : all()) {
    if (fault.call != "clock") continue;
    const std::int64_t n = ++fault.seen;
    if (clock == CLOCK_REALTIME) return (n % 2 == 0 ? n % 7 : -(n % 7)) * kDay;
    if (clock == CLOCK_MONOTONIC) return n / 4 * 3600 * kSecond;
  }
  return skipped;
}

bool skips_waiting() {
  return std::ranges::any_of(all(), [](const Fault& fault) { return fault.how == "skip"; });
}

void skip(std::int64_t milliseconds) {
  skipped += milliseconds * (kSecond / 1000);
}

bool is_the_file(std::string_view path) {
  static const char* const part = std::getenv("FAULT_FILE");
  return part != nullptr && path.find(part) != std::string_view::npos;
}

}  // namespace faults
