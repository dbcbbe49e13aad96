// SPDX-License-Identifier: GPL-2.0-or-later

#include "system/landlock.h"

#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace qcow2stream {
namespace {

// The system's linux/landlock.h may be older than its kernel, so these stand here.
constexpr std::uint64_t kOfVersion1 = (1U << 13) - 1;
constexpr std::uint64_t kMoveToOtherDirectory = 1U << 13;
constexpr std::uint64_t kTruncate = 1U << 14;
constexpr std::uint64_t kBindAndConnectTcp = 3;
constexpr std::uint64_t kAbstractSocketsAndSignals = 3;

struct RulesetAttributes {
  std::uint64_t files = 0;
  std::uint64_t network = 0;
  std::uint64_t scoped = 0;
};

// All that a version of Landlock can forbid.
RulesetAttributes everything(long version) {
  RulesetAttributes all{.files = kOfVersion1};
  if (version >= 2) all.files |= kMoveToOtherDirectory;
  if (version >= 3) all.files |= kTruncate;
  if (version >= 4) all.network = kBindAndConnectTcp;
  if (version >= 5) all.files |= kLandlockIoctlOfDevice;
  if (version >= 6) all.scoped = kAbstractSocketsAndSignals;
  return all;
}

}  // namespace

LandlockRuleset forbid_everything() {
  const long version =
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) return {};
  const RulesetAttributes attributes = everything(version);
  const long ruleset = ::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
  return {.fd = UniqueFd(static_cast<int>(ruleset)), .handled = attributes.files};
}

bool enter_landlock(const LandlockRuleset& rules) {
  return ::syscall(SYS_landlock_restrict_self, rules.fd.get(), 0) == 0;
}

}  // namespace qcow2stream
