// SPDX-License-Identifier: GPL-2.0-or-later

#include "qcow2-to-stdout/job.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "common/usage_error.h"
#include "qcow2stream/error.h"

namespace qcow2stream::cli {
namespace {

CommandLine disk_only() {
  CommandLine said;
  said.disk = File{"disk"};
  return said;
}

JobFiles with_info(std::uint64_t virtual_size, std::optional<std::uint64_t> cluster_size) {
  JobFiles files;
  files.info = HeaderInfo{.virtual_size = virtual_size, .cluster_size = cluster_size};
  return files;
}

JobFiles with_plan(const ImageOptions& image) {
  JobFiles files;
  files.plan.emplace();
  files.plan->name = "disk.plan";
  files.plan->options = image;
  return files;
}

TEST(Job, WhatWasNotSaidIsTheDefault) {
  const Job job = make_job(disk_only());
  EXPECT_EQ(job.image.cluster_size, 65536U);
  EXPECT_EQ(job.survey.scan, Scan::kZeros);
  EXPECT_TRUE(std::holds_alternative<DiskItself>(job.survey.allocation));
  EXPECT_FALSE(job.base.has_value());
  EXPECT_FALSE(job.disk.reading.format.has_value());
  EXPECT_EQ(job.output.standard_output(), EndRole::kImage);
  EXPECT_EQ(job.beside.digest_name, "-");
}

TEST(Job, InformationAboutTheDiskFillsInWhatWasNotSaid) {
  CommandLine said = disk_only();
  said.info = "disk.json";
  const Job job = make_job(said, with_info(1U << 20, 4096));
  EXPECT_EQ(job.disk.reading.only_first, 1U << 20);
  EXPECT_EQ(job.image.cluster_size, 4096U);
  EXPECT_EQ(job.read_files, std::vector<std::string>{"disk.json"});
  said.cluster_size = 512;
  EXPECT_EQ(make_job(said, with_info(1U << 20, 4096)).image.cluster_size, 512U);
  said.cluster_size.reset();
  EXPECT_THROW(make_job(said, with_info(1U << 20, 4097)), Error);
}

TEST(Job, APlanBringsTheImageAndNothingMayContradictIt) {
  CommandLine said = disk_only();
  said.plan = "disk.plan";
  const Job job = make_job(said, with_plan({.cluster_size = 512}));
  EXPECT_EQ(job.image.cluster_size, 512U);
  EXPECT_TRUE(job.planned.has_value());
  said.cluster_size = 4096;
  said.given.insert("cluster-size");
  EXPECT_THROW(make_job(said, with_plan({.cluster_size = 512})), UsageError);
  EXPECT_EQ(make_job(said, with_plan({.cluster_size = 4096})).image.cluster_size, 4096U);
}

TEST(Job, TheUnitOfATopImageIsThatOfTheIncrement) {
  CommandLine said = disk_only();
  said.format = "qcow2";
  said.shallow = true;
  said.backing_file = "base";
  said.backing_format = "qcow2";
  EXPECT_EQ(make_job(said).disk.reading.top_image_unit, 65536U);
  said.extended_l2 = true;
  EXPECT_EQ(make_job(said).disk.reading.top_image_unit, 2048U);
  said.compression = Compression{};
  EXPECT_EQ(make_job(said).disk.reading.top_image_unit, 65536U);
}

TEST(Job, OnlyWhatIsReadFromEndToEndGoesByInOnePass) {
  CommandLine said;
  said.disk = StandardInput{};
  said.size = 4096;
  EXPECT_FALSE(make_job(said).disk.reading.in_one_pass);
  said.scan = Scan::kNone;
  EXPECT_TRUE(make_job(said).disk.reading.in_one_pass);
  said.compression = Compression{};
  EXPECT_FALSE(make_job(said).disk.reading.in_one_pass);
}

TEST(Job, StandardOutputHasOneRole) {
  CommandLine said = disk_only();
  said.run = "cat";
  EXPECT_EQ(make_job(said).output.standard_output(), EndRole::kCommand);
  said.run.reset();
  said.measure = MeasureFormat::kSize;
  EXPECT_EQ(make_job(said).output.standard_output(), EndRole::kAnswer);
}

}  // namespace
}  // namespace qcow2stream::cli
