// SPDX-License-Identifier: GPL-2.0-or-later
//
// Where in a request that failed the damage lies.

#include "disk/nbd/damage.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

namespace qcow2stream {
namespace {

constexpr std::uint64_t kUnit = 512;

GuestRange range(std::uint64_t begin, std::uint64_t end) {
  return {GuestOffset(begin), end - begin};
}

// All but the bytes in `damaged` are answered, `at_once` of them in each answer.
RC_GTEST_PROP(Damage, FirstUnanswered, ()) {
  const auto begin = *rc::gen::inRange<std::uint64_t>(0, 1'000'000);
  const auto length = *rc::gen::inRange<std::uint64_t>(1, 3'000'000);
  const auto bad = begin + *rc::gen::inRange<std::uint64_t>(0, length);
  const auto at_once = *rc::gen::inRange<std::uint64_t>(1, 100'000);
  unsigned questions = 0;
  const auto answered = [&](GuestRange asked) {
    ++questions;
    GuestOffset at = asked.begin;
    while (at < asked.end()) {
      const GuestOffset next = std::min(asked.end(), at + at_once);
      if (at.value() <= bad && bad < next.value()) return at;
      at = next;
    }
    return at;
  };
  const GuestOffset found = first_unanswered(range(begin, begin + length), kUnit, answered);
  RC_ASSERT(found.value() <= bad);
  RC_ASSERT(bad - found.value() < kUnit);
  RC_ASSERT(questions <= 24U);
}

TEST(Damage, GoneWhenAskedAgain) {
  const auto all = [](GuestRange asked) { return asked.end(); };
  EXPECT_EQ(first_unanswered(range(1000, 900'000), kUnit, all), GuestOffset(1000));
}

TEST(Damage, NothingIsAnswered) {
  const auto none = [](GuestRange asked) { return asked.begin; };
  EXPECT_EQ(first_unanswered(range(1024, 900'000), kUnit, none), GuestOffset(1024));
}

TEST(Damage, ConnectionThatIsNone) {
  NbdConnection connection("name", std::chrono::seconds(1));
  EXPECT_EQ(answered_by(connection, {}, NbdRequest::kRead, range(0, 1000)), GuestOffset(0));
  EXPECT_EQ(answered_by(connection, {}, NbdRequest::kStatus, range(0, 1000)), GuestOffset(0));
}

TEST(Damage, LastWordsAreNotThoseForDevelopers) {
  EXPECT_EQ(last_words(""), "");
  EXPECT_EQ(last_words("one"), "one");
  EXPECT_EQ(last_words("one\ntwo"), "two");
  EXPECT_EQ(last_words("nbdkit: file[1]: debug: a\nnbdkit: file[1]: error: why\n"
                       "nbdkit: file[1]: debug: b\nnbdkit: file[1]: debug: c"),
            "nbdkit: file[1]: error: why");
  EXPECT_EQ(last_words("nbdkit: debug: a\nnbdkit: debug: b"), "nbdkit: debug: b");
  EXPECT_EQ(last_words(std::string(5000, 'x')), "..." + std::string(1000, 'x'));
}

}  // namespace
}  // namespace qcow2stream
