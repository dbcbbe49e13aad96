// SPDX-License-Identifier: GPL-2.0-or-later

#include "common/outcome.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <new>

#include "common/destination.h"
#include "common/usage_error.h"

namespace qcow2stream::cli {
namespace {

template <class Exception>
Outcome after(const Exception& exception) {
  const Additions additions{.subject = "disk",
                            .advice = [](const Error&) { return "; advice"; },
                            .note = [](bool discard) { return discard ? "; discard" : "; note"; }};
  return outcome_of(additions, [&] { throw exception; });
}

TEST(Outcome, EveryKindOfFailureHasItsStatus) {
  EXPECT_EQ(after(UsageError("-x: no")).status, kExitUsage);
  EXPECT_EQ(after(Error(ErrorKind::kUsage, "d", "w", "r")).status, kExitUsage);
  EXPECT_EQ(after(Error(ErrorKind::kFailed, "d", "w", "r")).status, kExitFailed);
  EXPECT_EQ(after(Error(ErrorKind::kChanged, "d", "w", "r")).status, kExitChanged);
  EXPECT_EQ(after(Error(ErrorKind::kMismatch, "d", "w", "r")).status, kExitMismatch);
  EXPECT_EQ(after(ReceiverFailed(7, "it failed")).status, 7);
  EXPECT_EQ(after(std::bad_alloc()).status, kExitFailed);
}

TEST(Outcome, TheMessageSaysWhatBecameOfTheOutput) {
  EXPECT_EQ(after(Error(ErrorKind::kFailed, "d", "w", "r")).message, "d: w: r; advice; note");
  EXPECT_EQ(after(Error(ErrorKind::kChanged, "d", "w", "r")).message, "d: w: r; advice; discard");
  EXPECT_EQ(after(UsageError("-x: no")).message, "-x: no");
  EXPECT_EQ(after(std::bad_alloc()).message, "disk: out of memory; note");
}

TEST(Outcome, WhoHasLeftIsTold) {
  Error error(ErrorKind::kFailed, "d", "w", "r");
  error.about(ErrorSubject::kOutput).with_errno(EPIPE);
  EXPECT_TRUE(after(error).receiver_left);
  EXPECT_FALSE(after(Error(ErrorKind::kFailed, "d", "w", "r")).receiver_left);
}

}  // namespace
}  // namespace qcow2stream::cli
