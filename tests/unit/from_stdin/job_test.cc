// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-from-stdin/job.h"

#include <gtest/gtest.h>

#include "common/usage_error.h"

namespace qcow2stream::cli {
namespace {

CommandLine target_only(const std::string& target = "disk") {
  CommandLine said;
  said.target = target;
  return said;
}

TEST(RestoreJob, WhatWasNotSaidIsTheDefault) {
  const Job job = make_job(target_only());
  ASSERT_EQ(job.input.sources.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<StandardInput>(job.input.sources[0]));
  EXPECT_FALSE(job.input.as_stream);
  EXPECT_EQ(job.target->place, TargetJob::Place::kPath);
  EXPECT_EQ(job.target->options.use, TargetUse::kReplace);
  EXPECT_EQ(job.restore.writing, RestoreOptions::Writing::kAll);
  EXPECT_EQ(job.restore.spool_memory, 64U << 20);
  EXPECT_TRUE(job.restore.sparse);
  EXPECT_EQ(job.name(), "disk");
}

TEST(RestoreJob, TheWordSaysWhatTheTargetIs) {
  EXPECT_EQ(make_job(target_only("nbd://host/x")).target->place, TargetJob::Place::kServer);
  const Job job = make_job(target_only("-"));
  EXPECT_TRUE(job.writes_to_stdout());
  EXPECT_EQ(job.name(), "standard output");
  EXPECT_EQ(make_job(target_only("./-")).target->place, TargetJob::Place::kPath);
}

TEST(RestoreJob, WhatIsDoneSaysHowTheTargetIsUsed) {
  CommandLine said = target_only();
  said.apply = true;
  EXPECT_EQ(make_job(said).target->options.use, TargetUse::kChange);
  EXPECT_TRUE(make_job(said).input.as_stream);
  said = target_only();
  said.skip_equal = true;
  EXPECT_EQ(make_job(said).target->options.use, TargetUse::kChange);
  said = target_only();
  said.compare = true;
  EXPECT_EQ(make_job(said).target->options.use, TargetUse::kReadOnly);
  EXPECT_TRUE(make_job(said).compares());
}

TEST(RestoreJob, ACheckHasNoTarget) {
  CommandLine said;
  EXPECT_THROW(make_job(said), UsageError);
  said.check = true;
  const Job job = make_job(said);
  EXPECT_FALSE(job.target.has_value());
  EXPECT_FALSE(job.compares());
  EXPECT_EQ(job.name(), "standard input");
  said.target = "disk";
  EXPECT_THROW(make_job(said), UsageError);
}

}  // namespace
}  // namespace qcow2stream::cli
